#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include <ATen/core/Tensor.h>

#include "framework/model/decoder.hpp"

namespace neurosweep {

/// A text as a model reads it, and the tokens at which it is observed.
struct ObservedText {
  std::vector<std::int64_t> tokens;
  std::vector<std::int64_t> at;  ///< ascending positions; empty: the text is left out
};

/// Where two models have read the same of one text: pairs of tokens that end at the same character.
///   a_ends, b_ends  bytes of the text after each token, as token_ends() gives them
///   returns         pairs (token of a, token of b), ascending; a token that spells nothing is in none
std::vector<std::pair<std::int64_t, std::int64_t>> meeting_tokens(std::span<const std::int64_t> a_ends,
                                                                  std::span<const std::int64_t> b_ends);

/// Leaves at most `most` observations of all texts together, spread evenly; the same places in both lists.
///   throws  Error{internal} unless both lists observe equally many tokens of every text
void thin_observations(std::vector<ObservedText>& a, std::vector<ObservedText>& b, std::int64_t most);

/// What a sample is: a token, or the mean over a text's observed tokens.
enum class SampleKind { token, mean };

/// What is kept of a layer.
enum class SampleSites { both, residual };

/// Samples of one layer, text by text, in the order of the texts.
struct LayerSamples {
  at::Tensor neurons;   ///< [n, M] f32 on the model's device; undefined for SampleSites::residual
  at::Tensor residual;  ///< [n, D] f32, after the layer
};

/// Observes layers of a model while it reads texts, each alone in its batch: no neighbour changes a number.
///   layers  ascending; those above the last are not run
///   throws  Error{input}: no text is observed, a text longer than the context
std::map<LayerIndex, LayerSamples> read_samples(const Decoder& decoder, const std::vector<ObservedText>& texts,
                                                std::span<const LayerIndex> layers, SampleKind kind,
                                                SampleSites sites = SampleSites::both);

}  // namespace neurosweep
