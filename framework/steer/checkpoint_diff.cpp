#include "framework/steer/checkpoint_diff.hpp"

#include <algorithm>
#include <map>
#include <set>

#include <ATen/ATen.h>

#include "framework/base/error.hpp"
#include "framework/config/json.hpp"
#include "framework/model/arch_table.hpp"
#include "framework/model/layer_tensors.hpp"
#include "framework/model/memory_map.hpp"

namespace neurosweep {

namespace {

class Differ {
 public:
  Differ(const std::string& a, const std::string& b) : a_(a), b_(b), M_(std::min(a_.arch().M, b_.arch().M)) {
    const ArchSpec &left = a_.arch(), &right = b_.arch();
    if (left.L != right.L || left.D != right.D || a_.names().down != b_.names().down) {
      throw input_error("{} and {}: {} of {} layers and width {} against {} of {} layers and width {}", a, b,
                        left.family, left.L, left.D, right.family, right.L, right.D);
    }
    result_.more_neurons = right.M - left.M;
  }

  CheckpointDifference make() {
    for (std::int64_t l = 0; l < a_.arch().L; ++l) compare_layer(LayerIndex(static_cast<std::int32_t>(l)));
    for (const std::string& name : a_.checkpoint().names()) compare_tensor(name);
    for (const std::string& name : b_.checkpoint().names()) {
      if (!done_.contains(name) && !a_.checkpoint().has(name)) {
        add_lone(name, "only in B", b_.checkpoint().tensor(name));
      }
    }
    std::ranges::sort(result_.tensors, {}, &TensorDifference::name);
    compare_configs();
    return std::move(result_);
  }

 private:
  /// A layer's map from or to neurons in both checkpoints, [., M]; the neurons that only one has are cut off.
  std::pair<at::Tensor, at::Tensor> both(LayerIndex layer, std::string_view part, std::string_view suffix) {
    const bool down = part == a_.names().down;
    const auto of = [&](const LayerTensors& model) {
      const std::string name = model.name(layer, part, suffix);
      done_.insert(name);
      if (!model.checkpoint().has(name)) return at::zeros({1, M_});
      if (down) return model.down(layer).narrow(1, 0, M_);
      const at::Tensor in_file = model.checkpoint().tensor(name);
      const at::Tensor map = in_file.dim() == 1 ? in_file.unsqueeze(0) : model.input_dim() == 1 ? in_file.t() : in_file;
      return map.narrow(1, 0, M_);
    };
    return {of(a_), of(b_)};
  }

  /// Squared norm of the change of every neuron's part of a map, [M] f64.
  at::Tensor squared_change(LayerIndex layer, std::string_view part, std::string_view suffix,
                            at::Tensor* old = nullptr) {
    const auto [a, b] = both(layer, part, suffix);
    at::Tensor change = at::zeros({M_}, at::kDouble);
    if (!same_bits(a, b)) {
      if (old != nullptr) *old = a.to(at::kDouble).norm(2, 0);
      change = (b.to(at::kDouble) - a.to(at::kDouble)).square().sum(0).contiguous();
    }
    forget(a, b);
    return change;
  }

  static bool same_bits(const at::Tensor& a, const at::Tensor& b) {
    return a.scalar_type() == b.scalar_type() && a.equal(b);
  }

  /// Both have been read.
  static void forget(const at::Tensor& a, const at::Tensor& b) {
    for (const at::Tensor* each : {&a, &b}) forget_pages(each->const_data_ptr(), each->nbytes());
  }

  void compare_layer(LayerIndex layer) {
    const TensorNames& names = a_.names();
    at::Tensor old = at::zeros({M_}, at::kDouble);
    const at::Tensor down = squared_change(layer, names.down, ".weight", &old).sqrt();
    at::Tensor in = at::zeros({M_}, at::kDouble);
    for (const std::string_view part : {names.gate, names.up}) {
      if (part.empty()) continue;
      in = in + squared_change(layer, part, ".weight") + squared_change(layer, part, ".bias");
    }
    in = in.sqrt();
    for (std::int64_t m = 0; m < M_; ++m) {
      const double out = down[m].item<double>(), reads = in[m].item<double>(), before = old[m].item<double>();
      if (out == 0 && reads == 0) continue;
      result_.neurons.push_back({{layer, NeuronIndex(static_cast<std::int32_t>(m))},
                                 out,
                                 out == 0     ? 0
                                 : before > 0 ? out / before
                                              : 1,
                                 reads});
    }
  }

  void compare_tensor(const std::string& name) {
    if (done_.contains(name)) return;
    const at::Tensor a = a_.checkpoint().tensor(name);
    if (!b_.checkpoint().has(name)) {
      add_lone(name, "only in A", a);
      return;
    }
    const at::Tensor b = b_.checkpoint().tensor(name);
    if (a.sizes() != b.sizes()) {
      result_.tensors.push_back({name, "shape", std::max(a.numel(), b.numel()), 0, 0});
      return;
    }
    if (!same_bits(a, b)) add_changed(name, b.to(at::kDouble) - a.to(at::kDouble));
    forget(a, b);
  }

  void add_changed(const std::string& name, const at::Tensor& change) {
    const auto n = change.count_nonzero().item<std::int64_t>();
    if (n == 0) return;
    result_.tensors.push_back({name, "changed", n, change.abs().max().item<double>(), change.norm().item<double>()});
  }

  void add_lone(const std::string& name, const char* where, const at::Tensor& tensor) {
    const at::Tensor numbers = tensor.to(at::kDouble);
    result_.tensors.push_back(
        {name, where, tensor.numel(), numbers.abs().max().item<double>(), numbers.norm().item<double>()});
  }

  void compare_configs() {
    const Json a = read_json(a_.dir() + "/config.json"), b = read_json(b_.dir() + "/config.json");
    std::set<std::string> keys;
    for (const Json* each : {&a, &b}) {
      for (const auto& [key, value] : each->items()) keys.insert(key);
    }
    for (const std::string& key : keys) {
      const std::string left = a.contains(key) ? json_text(a.at(key)) : "absent";
      const std::string right = b.contains(key) ? json_text(b.at(key)) : "absent";
      if (left != right) result_.config.push_back(fmt::format("{}: {} -> {}", key, left, right));
    }
  }

  const LayerTensors a_, b_;
  const std::int64_t M_;
  std::set<std::string> done_;
  CheckpointDifference result_;
};

}  // namespace

CheckpointDifference diff_checkpoints(const std::string& a_dir, const std::string& b_dir) {
  return Differ(a_dir, b_dir).make();
}

}  // namespace neurosweep
