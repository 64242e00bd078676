#include "framework/text/token_model.hpp"

#include "framework/base/error.hpp"
#include "framework/text/bpe.hpp"
#include "framework/text/part_table.hpp"

namespace neurosweep {
namespace {

class WordLevel : public TokenModel {
 public:
  WordLevel(const Json& spec, const std::string& origin)
      : vocabulary_(require_part(spec, "vocab", origin), origin + ".vocab"),
        unknown_(vocabulary_.find(optional_or<std::string>(spec, "unk_token", "", origin))),
        origin_(origin) {}

  void tokenize(std::string_view word, std::vector<std::int64_t>& ids) const override {
    auto id = vocabulary_.find(word);
    if (!id) id = unknown_;
    if (!id)
      throw input_error("{}: word '{}' is not in the vocabulary, and its unk_token is not either", origin_, word);
    ids.push_back(*id);
  }

  const Vocabulary& vocabulary() const override { return vocabulary_; }

 private:
  Vocabulary vocabulary_;
  std::optional<TokenId> unknown_;
  std::string origin_;
};

std::unique_ptr<TokenModel> make_bpe(const Json& spec, const std::string& origin) {
  return std::make_unique<Bpe>(spec, origin);
}

std::unique_ptr<TokenModel> make_word_level(const Json& spec, const std::string& origin) {
  return std::make_unique<WordLevel>(spec, origin);
}

constexpr PartKind<std::unique_ptr<TokenModel>> kTokenModels[] = {{"BPE", make_bpe}, {"WordLevel", make_word_level}};

}  // namespace

std::unique_ptr<TokenModel> make_token_model(const Json& spec, const std::string& origin) {
  if (!find_key(spec, "type", origin)) return make_bpe(spec, origin);
  return make_part<std::unique_ptr<TokenModel>>(kTokenModels, spec, origin);
}

}  // namespace neurosweep
