/// Forward Euler: y + G(y), one call of the block each way.
#include <utility>

#include "integrators.hpp"

namespace mgres {

namespace {

template <class S>
class Euler final : public Integrator<S> {
 public:
  explicit Euler(BlockPtr<S> block) : block_(std::move(block)) {}

  double cost() const override { return block_->cost(); }
  Index record_size(Index blocks) const override { return block_->record_size(blocks); }
  Index dual_record_size(Index blocks) const override {
    return block_->record_size(blocks) + block_->bend_size(blocks);
  }
  Index forward_scratch(Index blocks) const override { return block_->scratch_size(blocks); }
  Index scratch(Index blocks) const override { return block_->scratch_size(blocks); }

  void forward(const S* p, Index blocks, const S* y, S* out, S* record, S* scratch) const override {
    const Update<S> step{y, out};
    block_->forward(p, blocks, y, {&step, 1}, record, scratch);
  }

  void adjoint(const S* p, Index blocks, const S* y, const S* record, S* adjoint, S* gradient,
               S* scratch) const override {
    block_->adjoint(p, blocks, y, record, adjoint, adjoint, gradient, scratch);
  }

  void tangent(Dual<const S> p, Index blocks, Dual<const S> y, Dual<S> out, bool second, S* record,
               S* scratch) const override {
    const Update<S> step{y.value, out.value, 1, y.dot, out.dot};
    S* bend = second ? record + block_->record_size(blocks) : nullptr;
    block_->tangent(p, blocks, y, {&step, 1}, record, bend, scratch);
  }

  void adjoint_tangent(Dual<const S> p, Index blocks, Dual<const S> y, const S* record,
                       Dual<S> adjoint, S* gradient_dot, S* scratch) const override {
    block_->adjoint_tangent(p, blocks, y, record, record + block_->record_size(blocks), adjoint,
                            adjoint, gradient_dot, scratch);
  }

 private:
  BlockPtr<S> block_;
};

}  // namespace

template <class S>
IntegratorPtr<S> make_euler(BlockPtr<S> block) {
  return std::make_unique<Euler<S>>(std::move(block));
}

template IntegratorPtr<float> make_euler<float>(BlockPtr<float>);
template IntegratorPtr<double> make_euler<double>(BlockPtr<double>);

}  // namespace mgres
