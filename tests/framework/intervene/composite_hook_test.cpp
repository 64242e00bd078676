#include "framework/intervene/composite_hook.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace neurosweep {
namespace {

/// x = x * factor + addend at one site.
class Affine final : public ActivationHook {
 public:
  Affine(Site site, double factor, double addend) : site_(site), factor_(factor), addend_(addend) {}
  bool wants(Site site, LayerIndex) const override { return site == site_; }
  void visit(Site, LayerIndex, at::Tensor& x, const BatchRows&) override { x = x * factor_ + addend_; }

 private:
  Site site_;
  double factor_, addend_;
};

TEST(CompositeHook, VisitsThoseThatWantTheSiteInOrder) {
  Affine first(Site::neuron, 2, 0), elsewhere(Site::residual, 100, 0), second(Site::neuron, 1, 3);
  CompositeHook hook({&first, nullptr, &elsewhere, &second});
  at::Tensor x = at::ones({1, 1, 1});

  hook.visit(Site::neuron, LayerIndex{0}, x, {});

  EXPECT_EQ(x.item<float>(), 5.0F);
  EXPECT_TRUE(hook.wants(Site::residual, LayerIndex{0}));
  EXPECT_FALSE(hook.wants(Site::mlp_out, LayerIndex{0}));
}

}  // namespace
}  // namespace neurosweep
