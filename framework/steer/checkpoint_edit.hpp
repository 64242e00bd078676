#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "framework/model/checkpoint_writer.hpp"
#include "framework/steer/layer_edits.hpp"

namespace neurosweep {

/// How a checkpoint says that the MLP's output has a constant added.
enum class BiasForm {
  own,      ///< by a bias that transformers' class of the family has: Llama (mlp_bias), GPT-2 (c_proj.bias)
  llama,    ///< Qwen2 only: the same model written as a Llama type, which has all the biases
  neurons,  ///< by 2 D more neurons in every layer, which together give a constant: any gated MLP without biases
};

/// The form of this name. Throws Error{input} with the valid ones.
BiasForm bias_form(std::string_view name);
std::string_view bias_form_name(BiasForm form);

/// What a changed tensor was before: some of its columns (along its inputs), or all of it.
struct OldNumbers {
  std::vector<std::int64_t> columns;  ///< empty: all of the tensor
  at::Tensor numbers;                 ///< [columns, D], or of the tensor's shape; in the file's dtype
};

/// Edits of a checkpoint as changes of its files.
struct CheckpointEdit {
  CheckpointChanges changes;
  std::map<std::string, OldNumbers> old;  ///< by tensor; a tensor that only grew is not here
  std::int64_t columns = 0;               ///< changed columns of W_down, in all layers
  std::int64_t biases = 0;                ///< layers with a constant added
};

/// Changed columns keep the dtype of their tensor; a bias that is new or changed is F32, so that it is exact wherever
/// the model runs in f32.
///   model   must live as long as what is returned
///   throws  Error{input}: the family has no such bias in transformers, with the forms that it can take; a norm weight
///           of 0 where a constant is to be made by neurons
CheckpointEdit edit_checkpoint(const LayerTensors& model, const LayerWeightEdits& edits, BiasForm form);

}  // namespace neurosweep
