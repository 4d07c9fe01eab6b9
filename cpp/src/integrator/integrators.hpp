/// The files of this folder.
#pragma once

#include "mgres/integrator.hpp"

namespace mgres {

template <class S>
IntegratorPtr<S> make_euler(BlockPtr<S> block);

template <class S>
IntegratorPtr<S> make_runge_kutta(const Tableau& tableau, BlockPtr<S> block);

/// q + f(p), then p + g(q), for a state (p, q) of two halves.  The parameters of f come first, then
/// those of g, unless both have the same ones (`shared`).
template <class S>
IntegratorPtr<S> make_verlet(BlockPtr<S> f, BlockPtr<S> g, bool shared);

}  // namespace mgres
