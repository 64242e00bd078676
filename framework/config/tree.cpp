#include "framework/config/tree.hpp"

#include <algorithm>

#include "framework/base/error.hpp"

namespace neurosweep {

std::string to_text(const SourcePlace& place) {
  if (place.line == 0) return place.origin;
  return fmt::format("{}:{}:{}", place.origin, place.line, place.column);
}

const char* ConfigNode::type_name() const {
  constexpr const char* kNames[] = {"boolean", "integer", "number", "string", "array", "table"};
  return kNames[value.index()];
}

const ConfigNode* ConfigNode::find(const std::string& key) const {
  const auto* table = std::get_if<ConfigTable>(&value);
  if (!table) return nullptr;
  for (const auto& [name, node] : *table) {
    if (name == key) return &node;
  }
  return nullptr;
}

namespace {

struct CanonicalWriter {
  std::string out;

  void write(const ConfigNode& node) {
    std::visit([this](const auto& value) { append(value); }, node.value);
  }
  void append(bool value) { out += value ? "true" : "false"; }
  void append(std::int64_t value) { out += fmt::format("{}", value); }
  void append(double value) { out += fmt::format("{:.17g}", value); }
  void append(const std::string& value) { out += fmt::format("{}:\"{}\"", value.size(), value); }
  void append(const ConfigArray& array) {
    out += '[';
    for (const auto& node : array) {
      write(node);
      out += ',';
    }
    out += ']';
  }
  void append(const ConfigTable& table) {
    std::vector<const std::pair<std::string, ConfigNode>*> sorted;
    for (const auto& entry : table) sorted.push_back(&entry);
    std::sort(sorted.begin(), sorted.end(), [](const auto* a, const auto* b) { return a->first < b->first; });
    out += '{';
    for (const auto* entry : sorted) {
      out += entry->first + '=';
      write(entry->second);
      out += ',';
    }
    out += '}';
  }
};

ConfigNode& element(ConfigArray& array, const std::string& key, const std::string& path) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < array.size(); ++i) {
    const ConfigNode* name = array[i].find("name") ? array[i].find("name") : array[i].find("kind");
    const auto* text = name ? std::get_if<std::string>(&name->value) : nullptr;
    if (key == std::to_string(i) || (text && *text == key)) return array[i];
    names.push_back(text ? *text : std::to_string(i));
  }
  throw input_error("--set {}: no element '{}' (there are: {})", path, key, fmt::join(names, ", "));
}

ConfigNode& member(ConfigTable& table, const std::string& key, const SourcePlace& place) {
  for (auto& [name, node] : table) {
    if (name == key) return node;
  }
  table.emplace_back(key, ConfigNode{ConfigTable{}, place});
  return table.back().second;
}

}  // namespace

std::string canonical_text(const ConfigNode& node) {
  CanonicalWriter writer;
  writer.write(node);
  return writer.out;
}

void set_value(ConfigNode& root, const std::string& path, ConfigNode value) {
  ConfigNode* node = &root;
  std::size_t begin = 0;
  while (begin <= path.size()) {
    const std::size_t end = std::min(path.find('.', begin), path.size());
    const std::string key = path.substr(begin, end - begin);
    if (key.empty()) throw input_error("--set {}: empty key; expected table.key=value", path);
    if (auto* table = std::get_if<ConfigTable>(&node->value)) {
      node = &member(*table, key, value.place);
    } else if (auto* array = std::get_if<ConfigArray>(&node->value)) {
      node = &element(*array, key, path);
    } else {
      throw input_error("--set {}: '{}' lies inside a {}, not a table", path, key, node->type_name());
    }
    begin = end + 1;
  }
  *node = std::move(value);
}

}  // namespace neurosweep
