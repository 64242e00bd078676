#include "framework/steer/checkpoint_edit.hpp"

#include <algorithm>
#include <array>

#include <ATen/ATen.h>
#include <fmt/ranges.h>

#include "framework/base/error.hpp"
#include "framework/base/file.hpp"
#include "framework/config/json.hpp"
#include "framework/model/arch_table.hpp"
#include "framework/steer/constant_neurons.hpp"

namespace neurosweep {

namespace {

constexpr std::array<std::pair<std::string_view, BiasForm>, 3> kForms = {
    {{"own", BiasForm::own}, {"llama", BiasForm::llama}, {"neurons", BiasForm::neurons}}};

std::vector<std::int64_t> shape_of(const at::Tensor& tensor) {
  return tensor.sizes().vec();
}

/// Collects the changes of one checkpoint.
class CheckpointEditor {
 public:
  CheckpointEditor(const LayerTensors& model, const LayerWeightEdits& edits) : model_(model), edits_(edits) {
    config_ = read_json(config_path());
  }

  CheckpointEdit make(BiasForm form) {
    for (const auto& [layer, edit] : edits_) {
      edit_.columns += std::ssize(edit.columns);
      edit_.biases += edit.bias.defined() ? 1 : 0;
      if (!edit.columns.empty()) change_columns(layer, edit);
    }
    if (edit_.biases > 0) add_biases(form);
    return std::move(edit_);
  }

 private:
  std::string config_path() const { return model_.dir() + "/config.json"; }
  const TensorNames& names() const { return model_.names(); }

  void change(const std::string& name, const at::Tensor& like, std::function<at::Tensor()> make) {
    edit_.changes.tensors[name] = {std::string(dtype_name(like.scalar_type())), shape_of(like), std::move(make), ""};
  }

  void change_columns(LayerIndex layer, const LayerWeightEdit& edit) {
    const std::string name = model_.name(layer, names().down);
    const at::Tensor down = model_.down(layer);
    OldNumbers old;
    std::vector<at::Tensor> columns;
    for (const auto& [neuron, column] : edit.columns) {
      old.columns.push_back(to_int(neuron));
      columns.push_back(down.select(1, to_int(neuron)));
    }
    old.numbers = at::stack(columns).contiguous();
    model_.forget_down(layer);
    edit_.old[name] = std::move(old);
    change(name, model_.checkpoint().tensor(name), [this_model = &model_, name, columns = edit.columns] {
      const at::Tensor changed = this_model->copy(name);
      for (const auto& [neuron, column] : columns) {
        at::Tensor place = changed.select(this_model->input_dim(), to_int(neuron));
        place.copy_(column);
        if (at::isfinite(place).all().item<bool>()) continue;
        throw input_error("{}: neuron {} of '{}': the edited column is out of the range of its dtype",
                          this_model->dir(), to_int(neuron), name);
      }
      return changed;
    });
  }

  void add_biases(BiasForm form) {
    const ArchSpec& arch = model_.arch();
    if (form == BiasForm::neurons && arch.gated_mlp && !arch.mlp_bias && arch.norm == NormKind::rms) {
      add_neurons();
    } else if (form == BiasForm::own && arch.mlp_bias) {
      for (const auto& [layer, edit] : edits_) {
        if (edit.bias.defined()) add_to_bias(layer, edit.bias);
      }
    } else if (form == BiasForm::own && arch.family == "llama") {
      add_llama_biases();
    } else if (form == BiasForm::llama && arch.family == "qwen2") {
      write_as_llama();
    } else {
      refuse(form);
    }
    edit_.changes.files["config.json"] = json_text(config_, 2) + "\n";
  }

  [[noreturn]] void refuse(BiasForm form) const {
    const std::string family = model_.arch().family;
    if (form != BiasForm::own) {
      throw input_error("{}: --bias {} is not for the family {}", model_.dir(), bias_form_name(form), family);
    }
    throw input_error(
        "{}: transformers' {} has no bias behind its MLP, so the constant of this edit has no place there: {}--bias "
        "neurons gives it by 2 x {} more neurons in every layer; scale, remove and rank_one edits need none, and "
        "`neurosweep export` writes it as a steering vector",
        model_.dir(), family, family == "qwen2" ? "--bias llama writes the same model as a Llama type, " : "",
        model_.arch().D);
  }

  void add_to_bias(LayerIndex layer, const at::Tensor& added) {
    const std::string name = model_.name(layer, names().down, ".bias");
    const at::Tensor bias = model_.checkpoint().tensor(name);
    edit_.old[name] = {{}, bias};
    put_f32(name, bias.to(at::kDouble) + added, "");
  }

  void put_f32(const std::string& name, const at::Tensor& numbers, const std::string& beside) {
    const at::Tensor f32 = numbers.to(at::kFloat).contiguous();
    edit_.changes.tensors[name] = {"F32", shape_of(f32), [f32] { return f32; }, beside};
  }

  /// Biases of gate, up and down in every layer: what mlp_bias = true stands for.
  void add_llama_biases() {
    const ArchSpec& arch = model_.arch();
    for (std::int64_t l = 0; l < arch.L; ++l) {
      const LayerIndex layer{static_cast<std::int32_t>(l)};
      for (const std::string_view part : {names().gate, names().up}) {
        put_f32(model_.name(layer, part, ".bias"), at::zeros({arch.M}), model_.name(layer, part));
      }
      const auto edit = edits_.find(layer);
      const bool added = edit != edits_.end() && edit->second.bias.defined();
      put_f32(model_.name(layer, names().down, ".bias"), added ? edit->second.bias : at::zeros({arch.D}),
              model_.name(layer, names().down));
    }
    config_["mlp_bias"] = true;
  }

  /// Qwen2 is a Llama whose queries, keys and values have biases; a Llama's biases there come with one of the output.
  void write_as_llama() {
    const ArchSpec& arch = model_.arch();
    add_llama_biases();
    for (std::int64_t l = 0; l < arch.L; ++l) {
      const LayerIndex layer{static_cast<std::int32_t>(l)};
      put_f32(model_.name(layer, names().o, ".bias"), at::zeros({arch.D}), model_.name(layer, names().o));
    }
    config_["architectures"] = {"LlamaForCausalLM"};
    config_["model_type"] = "llama";
    config_["attention_bias"] = true;
    config_["num_key_value_heads"] = arch.kv_heads;
    config_["head_dim"] = arch.head_dim;
    config_["rms_norm_eps"] = arch.norm_eps;
    config_["tie_word_embeddings"] = arch.tied_head;
    for (const char* id : {"bos_token_id", "eos_token_id", "pad_token_id"}) {
      if (!config_.contains(id)) config_[id] = nullptr;  // Llama has defaults of its own, Qwen2 has none
    }
    for (const char* gone : {"use_sliding_window", "sliding_window", "max_window_layers", "layer_types"}) {
      config_.erase(gone);
    }
  }

  void add_neurons() {
    const ArchSpec& arch = model_.arch();
    for (std::int64_t l = 0; l < arch.L; ++l) {
      const LayerIndex layer{static_cast<std::int32_t>(l)};
      const auto edit = edits_.find(layer);
      const ConstantNeurons constant(model_, layer, edit == edits_.end() ? at::Tensor() : edit->second.bias);
      grow(model_.name(layer, names().gate), 0, constant.gate());
      grow(model_.name(layer, names().up), 0, constant.up());
      grow(model_.name(layer, names().down), 1, constant.down());
    }
    config_["intermediate_size"] = arch.M + 2 * arch.D;
  }

  /// Puts more rows or columns behind those of a tensor, changed or not.
  void grow(const std::string& name, std::int64_t dim, std::function<at::Tensor()> more) {
    const at::Tensor in_file = model_.checkpoint().tensor(name);
    std::function<at::Tensor()> before = [&model = model_, name] { return model.copy(name); };
    const auto changed = edit_.changes.tensors.find(name);
    if (changed != edit_.changes.tensors.end()) before = changed->second.make;
    change(name, in_file, [before, more = std::move(more), dim] {
      const at::Tensor old = before();
      return at::cat({old, more().to(old.scalar_type())}, dim).contiguous();
    });
    edit_.changes.tensors[name].shape[static_cast<std::size_t>(dim)] += 2 * model_.arch().D;
  }

  const LayerTensors& model_;
  const LayerWeightEdits& edits_;
  Json config_;
  CheckpointEdit edit_;
};

}  // namespace

BiasForm bias_form(std::string_view name) {
  for (const auto& [known, form] : kForms) {
    if (known == name) return form;
  }
  throw input_error("bias form '{}' (valid: own, llama, neurons)", name);
}

std::string_view bias_form_name(BiasForm form) {
  return std::ranges::find(kForms, form, [](const auto& row) { return row.second; })->first;
}

CheckpointEdit edit_checkpoint(const LayerTensors& model, const LayerWeightEdits& edits, BiasForm form) {
  return CheckpointEditor(model, edits).make(form);
}

}  // namespace neurosweep
