#include "framework/tasks/chat_style.hpp"

#include <filesystem>

#include <fmt/ranges.h>

#include "framework/base/error.hpp"
#include "framework/base/file.hpp"
#include "framework/config/json.hpp"

namespace neurosweep {
namespace {

constexpr ChatStyle kStyles[] = {
    {"chatml", "Qwen and others", "<|im_start|>", "<|im_start|>system\n", "<|im_end|>\n", "<|im_start|>user\n",
     "<|im_end|>\n<|im_start|>assistant\n", "<|im_end|>\n"},
    {"llama3", "Llama 3", "<|start_header_id|>", "<|start_header_id|>system<|end_header_id|>\n\n", "<|eot_id|>",
     "<|start_header_id|>user<|end_header_id|>\n\n", "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
     "<|eot_id|>"},
    {"deepseek", "DeepSeek-R1 and its distilled models", "<｜User｜>", "", "", "<｜User｜>", "<｜Assistant｜>",
     "<｜end▁of▁sentence｜>"},
    {"zephyr", "Zephyr, TinyLlama", "<|user|>", "<|system|>\n", "</s>\n", "<|user|>\n", "</s>\n<|assistant|>\n",
     "</s>\n"},
    {"plain", "User: and Assistant: lines, for models without marks", "User: ", "", "\n\n",
     "User: ", "\n\nAssistant:", "\n\n"},
};

std::string trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return "";
  return std::string(text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1));
}

std::vector<std::string> style_names() {
  std::vector<std::string> names;
  for (const ChatStyle& style : kStyles) names.emplace_back(style.name);
  return names;
}

std::string checkpoint_template(const std::string& folder) {
  const auto file = std::filesystem::path(folder) / "chat_template.jinja";
  if (std::filesystem::exists(file)) return read_text_file(file.string());
  const auto config = std::filesystem::path(folder) / "tokenizer_config.json";
  if (!std::filesystem::exists(config)) return "";
  const Json settings = read_json(config.string());
  const Json* text = find_key(settings, "chat_template", config.string());
  if (!text) return "";
  return text->is_string() ? text->get<std::string>() : json_text(*text);
}

}  // namespace

std::span<const ChatStyle> chat_styles() {
  return kStyles;
}

const ChatStyle& chat_style(const std::string& name) {
  for (const ChatStyle& style : kStyles) {
    if (style.name == name) return style;
  }
  const auto names = style_names();
  const std::string near = nearest(name, names);
  throw input_error("no chat style '{}'{} (styles: model, {})", name,
                    near.empty() ? "" : fmt::format(": did you mean '{}'?", near), fmt::join(names, ", "));
}

const ChatStyle& checkpoint_chat_style(const std::string& folder) {
  const std::string text = checkpoint_template(folder);
  if (text.empty()) throw input_error("{}: no chat template in tokenizer_config.json: this is no chat model", folder);
  for (const ChatStyle& style : kStyles) {
    if (text.find(style.mark) != std::string::npos) return style;
  }
  throw input_error("{}: its chat template is of no known style: name the nearest by the key 'chat' ({})", folder,
                    fmt::join(style_names(), ", "));
}

std::string chat_prompt(const ChatStyle& style, std::string_view system, std::span<const ChatTurn> earlier,
                        std::string_view question) {
  std::string text;
  if (!system.empty()) text.append(style.before_system).append(trimmed(system)).append(style.after_system);
  for (const ChatTurn& turn : earlier) {
    text.append(style.before_user).append(trimmed(turn.user)).append(style.after_user);
    text.append(trimmed(turn.reply)).append(style.after_reply);
  }
  return text.append(style.before_user).append(trimmed(question)).append(style.after_user);
}

}  // namespace neurosweep
