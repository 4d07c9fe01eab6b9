/// What is counted.
#pragma once

/// Return whether work(data) is a finite number.  tools/instructions.py counts the instructions
/// between entry and return of this function, which it knows by its name.
extern "C" bool mgres_counted(double (*work)(void*), void* data);
