#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace neurosweep {

/// How a family of chat models marks who speaks: a row of the table of styles.
struct ChatStyle {
  const char* name;
  const char* help;
  const char* mark;  ///< what only this style's chat template has
  const char* before_system;
  const char* after_system;
  const char* before_user;
  const char* after_user;  ///< up to where the model's reply begins
  const char* after_reply;
};

/// One question and its reply.
struct ChatTurn {
  std::string user;
  std::string reply;
};

std::span<const ChatStyle> chat_styles();

/// The style of this name. Throws Error{input} for an unknown one, with the nearest.
const ChatStyle& chat_style(const std::string& name);

/// The style of a checkpoint, told by the chat template in its tokenizer_config.json or chat_template.jinja.
///   throws  Error{input}: no template, or one of no known style
const ChatStyle& checkpoint_chat_style(const std::string& folder);

/// A conversation that ends where the model is to reply. The beginning-of-text token is the tokenizer's to add.
///   system  "": none
std::string chat_prompt(const ChatStyle& style, std::string_view system, std::span<const ChatTurn> earlier,
                        std::string_view question);

}  // namespace neurosweep
