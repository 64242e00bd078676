#include "framework/config/cli.hpp"

#include <iostream>
#include <sstream>

#include <boost/program_options.hpp>

#include "framework/base/error.hpp"

namespace neurosweep {

namespace po = boost::program_options;

struct CommandLine::Options {
  std::string usage, about, examples;
  po::options_description visible{"options"};
  po::options_description hidden;
  po::positional_options_description order;
  std::vector<std::pair<std::string, std::string>> positional_help;
  std::vector<std::string> required;
  std::vector<std::string> names = {"--help"};
};

CommandLine::CommandLine(std::string usage, std::string about, std::string examples)
    : options_(std::make_unique<Options>()) {
  options_->usage = std::move(usage);
  options_->about = std::move(about);
  options_->examples = std::move(examples);
  options_->visible.add_options()("help,h", "show this");
}

CommandLine::~CommandLine() = default;
CommandLine::CommandLine(CommandLine&&) noexcept = default;

CommandLine& CommandLine::positional(const char* name, std::string& value, const char* help) {
  options_->hidden.add_options()(name, po::value(&value));
  options_->order.add(name, 1);
  options_->positional_help.emplace_back(name, help);
  options_->required.emplace_back(name);
  return *this;
}

CommandLine& CommandLine::positional(const char* name, std::vector<std::string>& values, const char* help) {
  options_->hidden.add_options()(name, po::value(&values));
  options_->order.add(name, -1);
  options_->positional_help.emplace_back(name, help);
  return *this;
}

CommandLine& CommandLine::option(const char* name, std::string& value, const char* help) {
  options_->visible.add_options()(name, po::value(&value), help);
  options_->names.push_back(std::string("--") + name);
  return *this;
}

CommandLine& CommandLine::option(const char* name, std::int64_t& value, const char* help) {
  options_->visible.add_options()(name, po::value(&value), help);
  options_->names.push_back(std::string("--") + name);
  return *this;
}

CommandLine& CommandLine::option(const char* name, double& value, const char* help) {
  options_->visible.add_options()(name, po::value(&value), help);
  options_->names.push_back(std::string("--") + name);
  return *this;
}

CommandLine& CommandLine::option(const char* name, std::vector<std::string>& values, const char* help) {
  options_->visible.add_options()(name, po::value(&values), help);
  options_->names.push_back(std::string("--") + name);
  return *this;
}

CommandLine& CommandLine::flag(const char* name, bool& value, const char* help) {
  options_->visible.add_options()(name, po::bool_switch(&value), help);
  options_->names.push_back(std::string("--") + name);
  return *this;
}

std::string CommandLine::help() const {
  std::ostringstream text;
  text << "usage: neurosweep " << options_->usage << "\n\n" << options_->about << "\n\n";
  for (const auto& [name, help] : options_->positional_help) text << fmt::format("  {:<28}{}\n", name, help);
  text << options_->visible;
  if (!options_->examples.empty()) text << "\nexamples:\n" << options_->examples << "\n";
  return text.str();
}

CommandLine::Outcome CommandLine::parse(const std::vector<std::string>& words) {
  for (const auto& word : words) {
    if (word == "--help" || word == "-h") {
      std::cout << help();
      return Outcome::help_printed;
    }
  }
  po::options_description all;
  all.add(options_->visible).add(options_->hidden);
  po::variables_map values;
  try {
    namespace style = po::command_line_style;
    const int no_guessing = style::unix_style & ~style::allow_guessing;
    po::store(po::command_line_parser(words).options(all).positional(options_->order).style(no_guessing).run(), values);
    po::notify(values);
  } catch (const po::unknown_option& failure) {
    const std::string guess = nearest(failure.get_option_name(), options_->names);
    throw input_error("unknown option {}{}", failure.get_option_name(),
                      guess.empty() ? fmt::format(" (valid: {})", fmt::join(options_->names, " "))
                                    : fmt::format("; did you mean {}?", guess));
  } catch (const po::error& failure) {
    throw input_error("{} (usage: neurosweep {})", failure.what(), options_->usage);
  }
  for (const auto& name : options_->required) {
    if (!values.count(name)) throw input_error("{} is missing (usage: neurosweep {})", name, options_->usage);
  }
  return Outcome::parsed;
}

}  // namespace neurosweep
