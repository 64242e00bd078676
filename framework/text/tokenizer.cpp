#include "framework/text/tokenizer.hpp"

#include <filesystem>

#include "framework/base/error.hpp"
#include "framework/text/added_tokens.hpp"
#include "framework/text/part_table.hpp"
#include "framework/text/post_processor.hpp"
#include "framework/text/token_decoder.hpp"
#include "framework/text/token_model.hpp"
#include "framework/text/utf8.hpp"

namespace neurosweep {
namespace {

const Json& part_of(const Json& file, std::string_view key, const std::string& origin) {
  static const Json absent;
  const Json* part = find_key(file, key, origin);
  return part ? *part : absent;
}

// tokenizer_config.json names a token by its text, or by an object with its content.
std::optional<std::string> named_token(const Json& config, const char* key, const std::string& origin) {
  const Json* value = find_key(config, key, origin);
  if (!value) return std::nullopt;
  return value->is_object() ? require<std::string>(*value, "content", origin)
                            : json_as<std::string>(*value, key, origin);
}

}  // namespace

struct Tokenizer::Parts {
  std::string path;
  std::unique_ptr<TokenModel> model;
  Vocabulary vocabulary;  ///< the model's and the added tokens
  AddedTokens added;
  PreTokenizer pre_tokenizer;
  SpecialFrame frame;
  TokenDecoder decoder;
  std::optional<std::int64_t> bos, eos, pad;

  Parts(const Json& file, const std::string& origin)
      : path(origin),
        model(make_token_model(require_part(file, "model", origin), origin + ": model")),
        vocabulary(model->vocabulary()),
        added(read_added(file), make_normalizer(part_of(file, "normalizer", origin), origin + ": normalizer")),
        pre_tokenizer(make_pre_tokenizer(part_of(file, "pre_tokenizer", origin), origin + ": pre_tokenizer")),
        frame(read_special_frame(part_of(file, "post_processor", origin), origin + ": post_processor")),
        decoder(make_token_decoder(part_of(file, "decoder", origin), origin + ": decoder")) {
    for (const auto& ids : {frame.before, frame.after}) {
      for (const std::int64_t id : ids) check_frame_id(id);
    }
  }

  void read_config(const std::string& config_path) {
    const Json config = read_json(config_path);
    const auto id_of = [&](const char* key) -> std::optional<std::int64_t> {
      const auto token = named_token(config, key, config_path);
      if (!token) return std::nullopt;
      const auto id = vocabulary.find(*token);
      if (!id) throw input_error("{}: {} '{}' is not in the vocabulary of {}", config_path, key, *token, path);
      return *id;
    };
    bos = id_of("bos_token");
    eos = id_of("eos_token");
    pad = id_of("pad_token");
  }

 private:
  std::vector<AddedToken> read_added(const Json& file) {
    const std::string where = path + ": added_tokens";
    std::vector<AddedToken> tokens = read_added_tokens(part_of(file, "added_tokens", path), where);
    for (const AddedToken& token : tokens) vocabulary.add(token.content, token.id, where);
    return tokens;
  }

  void check_frame_id(std::int64_t id) const {
    if (!vocabulary.text(id)) throw input_error("{}: post_processor: id {} is not in the vocabulary", path, id);
  }
};

Tokenizer::Tokenizer(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Tokenizer::~Tokenizer() = default;
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;

Tokenizer Tokenizer::load(const std::string& dir_or_file) {
  std::filesystem::path path(dir_or_file);
  if (std::filesystem::is_directory(path)) path /= "tokenizer.json";
  auto parts = std::make_unique<Parts>(read_json(path.string()), path.string());
  const auto config = path.parent_path() / "tokenizer_config.json";
  if (std::filesystem::exists(config)) parts->read_config(config.string());
  return Tokenizer(std::move(parts));
}

std::vector<std::int64_t> Tokenizer::encode(std::string_view text, AddSpecialTokens add) const {
  const std::size_t invalid = find_invalid_utf8(text);
  if (invalid != std::string_view::npos) {
    throw input_error("text is not UTF-8: byte 0x{:02x} at offset {}", static_cast<unsigned char>(text[invalid]),
                      invalid);
  }
  std::vector<std::int64_t> ids;
  if (add == AddSpecialTokens::yes) ids = parts_->frame.before;
  for (AddedTokens::Part& part : parts_->added.cut(text)) {
    if (part.token) {
      ids.push_back(*part.token);
      continue;
    }
    std::vector<TextPiece> pieces;
    pieces.push_back(std::move(part.piece));
    parts_->pre_tokenizer(pieces);
    for (const TextPiece& piece : pieces) parts_->model->tokenize(piece.text, ids);
  }
  if (add == AddSpecialTokens::yes) ids.insert(ids.end(), parts_->frame.after.begin(), parts_->frame.after.end());
  return ids;
}

std::string Tokenizer::decode(std::span<const std::int64_t> ids, SkipSpecialTokens skip) const {
  std::vector<std::string> tokens;
  for (const std::int64_t id : ids) {
    if (id < 0) throw input_error("token id {} is negative", id);
    const std::string* text = parts_->added.spelling(id);
    if (!text) text = parts_->vocabulary.text(id);
    if (!text) continue;
    if (skip == SkipSpecialTokens::yes && parts_->added.is_special(id)) continue;
    tokens.push_back(*text);
  }
  parts_->decoder(tokens);
  std::string text;
  for (const std::string& token : tokens) text += token;
  return text;
}

std::int64_t Tokenizer::vocabulary_size() const {
  return parts_->vocabulary.size();
}

std::optional<std::int64_t> Tokenizer::token_id(std::string_view token) const {
  return parts_->vocabulary.find(token);
}

std::optional<std::string> Tokenizer::token_text(std::int64_t id) const {
  const std::string* text = parts_->vocabulary.text(id);
  return text ? std::optional(*text) : std::nullopt;
}

std::optional<std::int64_t> Tokenizer::bos() const {
  return parts_->bos;
}
std::optional<std::int64_t> Tokenizer::eos() const {
  return parts_->eos;
}
std::optional<std::int64_t> Tokenizer::pad() const {
  return parts_->pad;
}

}  // namespace neurosweep
