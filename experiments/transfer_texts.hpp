#pragma once

#include <string>
#include <vector>

#include "framework/measure/aligned_samples.hpp"
#include "framework/measure/reference_text.hpp"
#include "framework/text/tokenizer.hpp"

namespace neurosweep {

/// What both models read, text by text, and where they are observed.
struct SharedTexts {
  std::vector<ObservedText> donor, receiver;
};

/// A text as one of the models reads it.
struct ModelReading {
  const Tokenizer& tokenizer;
  ReferenceText text;
};

/// The kind of sample that a transfer's `align` names.
///   where   what the message starts with
///   throws  Error{input} for anything but characters and means
SampleKind sample_kind(const std::string& align, const std::string& where);

/// Adds a text. Only its completion is observed: tokens that end at the same character in both models, or, for means,
/// every token that spells something. The first token of a sequence is never observed: all later ones attend to it, and
/// its residual, many times larger than theirs, would outweigh them. A text without an observed token is there, and
/// left out.
void add_shared_text(SharedTexts& texts, SampleKind kind, const std::string& completion, const ModelReading& donor,
                     const ModelReading& receiver);

}  // namespace neurosweep
