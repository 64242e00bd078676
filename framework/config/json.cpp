#include "framework/config/json.hpp"

#include <algorithm>
#include <iterator>
#include <limits>
#include <unordered_set>
#include <utility>

#include "framework/base/file.hpp"

namespace neurosweep {
namespace {

constexpr std::size_t kMaxDepth = 500;  ///< copying and writing a value takes a stack frame a level

/// Builds a Json from parse events: members are appended without nlohmann's linear search for an equal key, and a set
/// of keys for each open object finds duplicates.
class JsonBuilder : public nlohmann::json_sax<Json> {
 public:
  JsonBuilder(std::string_view text, std::string_view origin) : text_(text), origin_(origin) {}

  Json take() { return std::move(root_); }

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(number_integer_t value) override { return add(value); }
  bool number_unsigned(number_unsigned_t value) override { return add(value); }
  bool number_float(number_float_t value, const string_t&) override { return add(value); }
  bool string(string_t& value) override { return add(std::move(value)); }
  bool binary(binary_t& value) override { return add(std::move(value)); }
  bool start_object(std::size_t) override { return open(Json::value_t::object); }
  bool start_array(std::size_t) override { return open(Json::value_t::array); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(string_t& value) override {
    if (!keys_.back().insert(value).second) throw input_error("{}: key '{}' is there twice", origin_, value);
    key_ = std::move(value);
    return true;
  }

  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception& why) override {
    const auto read = text_.substr(0, position > 0 ? position - 1 : 0);
    const auto line = 1 + std::count(read.begin(), read.end(), '\n');
    const auto column = 1 + read.size() - (read.rfind('\n') + 1);
    const std::string reason = why.what();
    const auto detail = reason.find("syntax error");
    throw input_error("{}:{}:{}: not valid JSON ({})", origin_, line, column,
                      detail == std::string::npos ? reason : reason.substr(detail));
  }

 private:
  using Members = std::vector<Json::object_t::value_type>;

  bool add(Json value) {
    place(std::move(value));
    return true;
  }

  Json* place(Json value) {
    if (open_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    if (open_.back()->is_array()) {
      open_.back()->push_back(std::move(value));
      return &open_.back()->back();
    }
    Members& members = open_.back()->get_ref<Json::object_t&>();
    return &members.emplace_back(std::move(key_), std::move(value)).second;
  }

  bool open(Json::value_t type) {
    if (open_.size() == kMaxDepth) {
      throw input_error("{}: values are nested more than {} deep: is it a file of ours?", origin_, kMaxDepth);
    }
    open_.push_back(place(Json(type)));
    keys_.emplace_back();
    return true;
  }

  bool close() {
    open_.pop_back();
    keys_.pop_back();
    return true;
  }

  std::string_view text_, origin_;
  Json root_;
  std::vector<Json*> open_;
  std::vector<std::unordered_set<std::string>> keys_;
  std::string key_;
};

constexpr std::size_t kShownLength = 40;

std::string describe(const Json& value) {
  if (value.is_object() || value.is_array()) return fmt::format("{} of {}", value.type_name(), value.size());
  std::string text = json_text(value);
  if (text.size() > kShownLength) text = text.substr(0, kShownLength) + "...";
  return value.is_null() ? text : fmt::format("{} {}", value.type_name(), text);
}

Error wrong_type(const char* expected, const Json& value, std::string_view key, std::string_view origin) {
  return input_error("{}: key '{}' must be {}, found {}", origin, key, expected, describe(value));
}

template <class T>
std::vector<T> list_as(const Json& value, const char* expected, std::string_view key, std::string_view origin) {
  if (!value.is_array()) throw wrong_type(expected, value, key, origin);
  std::vector<T> items;
  items.reserve(value.size());
  for (const Json& item : value) items.push_back(json_as<T>(item, fmt::format("{}[{}]", key, items.size()), origin));
  return items;
}

}  // namespace

Json parse_json(std::string_view text, std::string_view origin) {
  JsonBuilder builder(text, origin);
  Json::sax_parse(text, &builder);
  return builder.take();
}

Json read_json(const std::string& path) {
  return parse_json(read_text_file(path), path);
}

std::string json_text(const Json& value, int indent) {
  return value.dump(indent > 0 ? indent : -1, ' ', false, Json::error_handler_t::replace);
}

const Json* find_key(const Json& object, std::string_view key, std::string_view origin) {
  if (!object.is_object()) throw input_error("{}: expected a JSON object, found {}", origin, describe(object));
  const Json::object_t& members = object.get_ref<const Json::object_t&>();
  const auto member = std::find_if(members.begin(), members.end(), [&](const auto& m) { return m.first == key; });
  return member == members.end() || member->second.is_null() ? nullptr : &member->second;
}

void throw_missing_key(std::string_view key, std::string_view origin) {
  throw input_error("{}: missing key '{}'", origin, key);
}

template <>
bool json_as(const Json& value, std::string_view key, std::string_view origin) {
  if (!value.is_boolean()) throw wrong_type("true or false", value, key, origin);
  return value.get<bool>();
}

template <>
std::int64_t json_as(const Json& value, std::string_view key, std::string_view origin) {
  constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (!value.is_number_integer() || (value.is_number_unsigned() && value.get<std::uint64_t>() > kMax)) {
    throw wrong_type("an integer of 64 bits", value, key, origin);
  }
  return value.get<std::int64_t>();
}

template <>
double json_as(const Json& value, std::string_view key, std::string_view origin) {
  if (!value.is_number()) throw wrong_type("a number", value, key, origin);
  return value.get<double>();
}

template <>
std::string json_as(const Json& value, std::string_view key, std::string_view origin) {
  if (!value.is_string()) throw wrong_type("a string", value, key, origin);
  return value.get<std::string>();
}

template <>
Json json_as(const Json& value, std::string_view, std::string_view) {
  return value;
}

template <>
std::vector<std::int64_t> json_as(const Json& value, std::string_view key, std::string_view origin) {
  return list_as<std::int64_t>(value, "an array of integers", key, origin);
}

template <>
std::vector<double> json_as(const Json& value, std::string_view key, std::string_view origin) {
  return list_as<double>(value, "an array of numbers", key, origin);
}

template <>
std::vector<std::string> json_as(const Json& value, std::string_view key, std::string_view origin) {
  return list_as<std::string>(value, "an array of strings", key, origin);
}

}  // namespace neurosweep
