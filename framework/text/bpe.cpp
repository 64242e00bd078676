#include "framework/text/bpe.hpp"

#include <functional>
#include <queue>

#include "framework/base/error.hpp"
#include "framework/text/part_table.hpp"
#include "framework/text/utf8.hpp"

namespace neurosweep {
namespace {

constexpr std::size_t kCachedWords = 100'000;
constexpr std::size_t kCachedWordLength = 128;  ///< bytes; longer words do not come again

void refuse_affix(const Json& spec, const char* key, const std::string& origin) {
  const auto affix = optional_or<std::string>(spec, key, "", origin);
  if (!affix.empty()) throw input_error("{}: {} '{}' is not supported: it must be empty", origin, key, affix);
}

}  // namespace

/// Two neighbours that may merge; the queue gives the lowest rank, and of equal ranks the leftmost.
struct Bpe::Candidate {
  std::int32_t rank;
  std::int32_t position;
  TokenId merged;
  bool operator>(const Candidate& other) const {
    return rank != other.rank ? rank > other.rank : position > other.position;
  }
};

/// The symbols of a word as a doubly linked list.
class Bpe::Word {
 public:
  Word(const Bpe& bpe, const std::vector<TokenId>& symbols) : bpe_(bpe) {
    const auto n = static_cast<std::int32_t>(symbols.size());
    links_.reserve(symbols.size());
    for (std::int32_t i = 0; i < n; ++i) links_.push_back({symbols[i], i - 1, i + 1 < n ? i + 1 : kNone});
    for (std::int32_t i = 0; i + 1 < n; ++i) offer(i);
  }

  std::vector<TokenId> merge_all() {
    while (!queue_.empty()) {
      const Candidate best = queue_.top();
      queue_.pop();
      if (still_holds(best)) merge(best);
    }
    std::vector<TokenId> symbols;
    for (const Link& link : links_) {
      if (link.symbol != kMergedAway) symbols.push_back(link.symbol);
    }
    return symbols;
  }

 private:
  static constexpr std::int32_t kNone = -1;
  static constexpr TokenId kMergedAway = -1;
  struct Link {
    TokenId symbol;
    std::int32_t previous, next;
  };

  void offer(std::int32_t left) {
    const std::int32_t right = links_[left].next;
    if (right == kNone) return;
    if (const Merge* merge = bpe_.find_merge(links_[left].symbol, links_[right].symbol)) {
      queue_.push({merge->rank, left, merge->merged});
    }
  }

  bool still_holds(const Candidate& candidate) const {
    const Link& left = links_[candidate.position];
    if (left.symbol == kMergedAway || left.next == kNone) return false;
    const Merge* merge = bpe_.find_merge(left.symbol, links_[left.next].symbol);
    return merge && merge->merged == candidate.merged;
  }

  void merge(const Candidate& candidate) {
    Link& left = links_[candidate.position];
    Link& right = links_[left.next];
    left.symbol = candidate.merged;
    left.next = right.next;
    right.symbol = kMergedAway;
    if (left.next != kNone) links_[left.next].previous = candidate.position;
    if (left.previous != kNone) offer(left.previous);
    offer(candidate.position);
  }

  const Bpe& bpe_;
  std::vector<Link> links_;
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> queue_;
};

Bpe::Bpe(const Json& spec, const std::string& origin)
    : origin_(origin),
      vocabulary_(require_part(spec, "vocab", origin), origin + ".vocab"),
      fuses_unknown_(optional_or<bool>(spec, "fuse_unk", false, origin)),
      byte_fallback_(optional_or<bool>(spec, "byte_fallback", false, origin)),
      ignores_merges_(optional_or<bool>(spec, "ignore_merges", false, origin)) {
  refuse_affix(spec, "continuing_subword_prefix", origin);
  refuse_affix(spec, "end_of_word_suffix", origin);
  if (optional_or<double>(spec, "dropout", 0.0, origin) != 0.0) {
    throw input_error("{}: dropout is not supported: it makes token ids random; set it to null", origin);
  }
  if (const Json* unknown = find_key(spec, "unk_token", origin)) {
    const auto token = json_as<std::string>(*unknown, "unk_token", origin);
    unknown_ = vocabulary_.find(token);
    if (!unknown_) throw input_error("{}: unk_token '{}' is not in the vocabulary", origin, token);
  }
  read_merges(require_part(spec, "merges", origin));
}

std::uint64_t Bpe::pair_key(TokenId left, TokenId right) {
  return static_cast<std::uint64_t>(left) << 32 | static_cast<std::uint32_t>(right);
}

void Bpe::read_merges(const Json& merges) {
  if (!merges.is_array()) throw input_error("{}.merges: must be an array, found {}", origin_, merges.type_name());
  merges_.reserve(merges.size());
  std::int32_t rank = 0;
  for (const Json& merge : merges) {
    const std::string where = fmt::format("merges[{}]", rank);
    if (merge.is_array()) {
      const auto pair = json_as<std::vector<std::string>>(merge, where, origin_);
      if (pair.size() != 2) throw input_error("{}: {} has {} parts, expected 2", origin_, where, pair.size());
      add_merge(pair[0], pair[1], rank);
    } else {
      const auto pair = json_as<std::string>(merge, where, origin_);
      const auto space = pair.find(' ');
      if (space == std::string::npos || pair.find(' ', space + 1) != std::string::npos) {
        throw input_error("{}: {} is '{}', expected two tokens with one space between them", origin_, where, pair);
      }
      add_merge(pair.substr(0, space), pair.substr(space + 1), rank);
    }
    ++rank;
  }
}

void Bpe::add_merge(const std::string& left, const std::string& right, std::int32_t rank) {
  const auto known = [&](const std::string& token) {
    const auto id = vocabulary_.find(token);
    if (!id) throw input_error("{}: merges[{}]: token '{}' is not in the vocabulary", origin_, rank, token);
    return *id;
  };
  const TokenId left_id = known(left);
  const TokenId right_id = known(right);
  merges_.insert_or_assign(pair_key(left_id, right_id), Merge{rank, known(left + right)});
}

const Bpe::Merge* Bpe::find_merge(TokenId left, TokenId right) const {
  const auto found = merges_.find(pair_key(left, right));
  return found == merges_.end() ? nullptr : &found->second;
}

void Bpe::tokenize(std::string_view word, std::vector<std::int64_t>& ids) const {
  if (ignores_merges_) {
    if (const auto id = vocabulary_.find(word)) return ids.push_back(*id);
  }
  const std::string key(word);
  if (key.size() <= kCachedWordLength) {
    const std::lock_guard lock(cache_mutex_);
    const auto found = cache_.find(key);
    if (found != cache_.end()) {
      ids.insert(ids.end(), found->second.begin(), found->second.end());
      return;
    }
  }
  std::vector<TokenId> merged = merge_word(word);
  ids.insert(ids.end(), merged.begin(), merged.end());
  if (key.size() > kCachedWordLength) return;
  const std::lock_guard lock(cache_mutex_);
  if (cache_.size() < kCachedWords) cache_.emplace(key, std::move(merged));
}

std::vector<TokenId> Bpe::merge_word(std::string_view word) const {
  return Word(*this, first_symbols(word)).merge_all();
}

// An unknown run is written when the next known character comes, behind the bytes of a fallback between them:
// the order in which Hugging Face tokenizers writes them.
std::vector<TokenId> Bpe::first_symbols(std::string_view word) const {
  std::vector<TokenId> symbols;
  bool owes_unknown = false;
  for (std::size_t offset = 0; offset < word.size();) {
    const std::string_view character = word.substr(offset, utf8_length(word[offset]));
    offset += character.size();
    if (const auto id = vocabulary_.find(character)) {
      if (owes_unknown) symbols.push_back(*unknown_);
      owes_unknown = false;
      symbols.push_back(*id);
    } else if (byte_fallback_ && append_bytes(character, symbols)) {
      continue;
    } else if (!unknown_) {
      throw input_error("{}: character '{}' is not in the vocabulary, and there is no unk_token", origin_, character);
    } else {
      if (owes_unknown && !fuses_unknown_) symbols.push_back(*unknown_);
      owes_unknown = true;
    }
  }
  if (owes_unknown) symbols.push_back(*unknown_);
  return symbols;
}

bool Bpe::append_bytes(std::string_view character, std::vector<TokenId>& symbols) const {
  std::vector<TokenId> bytes;
  for (const char c : character) {
    const auto id = vocabulary_.find(fmt::format("<0x{:02X}>", static_cast<unsigned char>(c)));
    if (!id) return false;
    bytes.push_back(*id);
  }
  symbols.insert(symbols.end(), bytes.begin(), bytes.end());
  return true;
}

}  // namespace neurosweep
