/// Scratch that calls into the core take and give back, without waiting for each other.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

#include "mgres/workspace.hpp"

namespace mgres::bindings {

/// Scratch for the next call: what an earlier one has left, or new.
///
/// Nothing here waits.  So calls may come from several threads at once, from a signal handler that
/// interrupts a call, and from a child that was forked during one: each finds scratch of its own.
template <class S>
class Workspaces {
 public:
  explicit Workspaces(const TapeLimits& limits) : limits_(limits) {}
  ~Workspaces() {
    for (auto& place : spare_) delete place.load();
  }
  Workspaces(const Workspaces&) = delete;
  Workspaces& operator=(const Workspaces&) = delete;

  /// Scratch for as long as it lives.
  class Lease {
   public:
    explicit Lease(Workspaces& owner) : owner_(owner), workspace_(owner.take()) {}
    ~Lease() { owner_.give(std::move(workspace_)); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    Workspace<S>& operator*() const { return *workspace_; }

   private:
    Workspaces& owner_;
    std::unique_ptr<Workspace<S>> workspace_;
  };

  const TapeLimits& limits() const { return limits_; }
  Index bytes() const { return bytes_.load(); }

 private:
  static constexpr std::size_t kSpare = 4;  // more calls at once allocate anew

  std::unique_ptr<Workspace<S>> take() {
    for (auto& place : spare_)
      if (Workspace<S>* found = place.exchange(nullptr)) {
        bytes_.fetch_sub(found->bytes());
        return std::unique_ptr<Workspace<S>>(found);
      }
    auto fresh = std::make_unique<Workspace<S>>();
    fresh->limits = limits_;
    return fresh;
  }

  void give(std::unique_ptr<Workspace<S>> workspace) {
    bytes_.fetch_add(workspace->bytes());
    for (auto& place : spare_) {
      Workspace<S>* empty = nullptr;
      if (place.compare_exchange_strong(empty, workspace.get())) {
        workspace.release();
        return;
      }
    }
    bytes_.fetch_sub(workspace->bytes());
  }

  TapeLimits limits_;
  std::array<std::atomic<Workspace<S>*>, kSpare> spare_{};
  std::atomic<Index> bytes_{0};  // of the spare ones
};

}  // namespace mgres::bindings
