#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "experiments/verbs/verb.hpp"
#include "framework/base/error.hpp"
#include "framework/base/log.hpp"

namespace {

using namespace neurosweep;

constexpr std::pair<const char*, const char*> kEngineVerbs[] = {
    {"run", "run a study, or what is left of it; alone or under mpirun or srun"},
    {"plan", "what a study will do and cost, without running it"},
    {"keys", "list every key of a study file"},
    {"sweep", "run one sweep job on one model, without a study"},
    {"generate", "continue prompts with a model"},
    {"monitor", "continue prompts and tell the risk of a wrong answer along each reply"},
    {"score", "log-probabilities of given tokens"},
    {"tokenize", "texts to token ids and back"},
    {"transfer", "map a steering file onto another model"},
    {"export", "a direction or template as a file to steer by, here or elsewhere"},
    {"edit", "write a checkpoint with edits made permanent, or undo them"},
    {"diff", "what differs between two checkpoints, by neuron"},
};

void print_help(std::FILE* out) {
  fmt::print(out,
             "usage: neurosweep VERB ...          (neurosweep VERB --help tells more)\n\n"
             "Finds the MLP neurons on which a language model's reasoning hangs.\n\n");
  for (const auto& [name, summary] : kEngineVerbs) fmt::print(out, "  {:<10}{}\n", name, summary);
  for (const Verb& verb : front_verbs()) fmt::print(out, "  {:<10}{}\n", verb.name, verb.summary);
  fmt::print(out,
             "\nexit status: 0 complete, 2 bad input, 3 finished with failed units, 4 file error, 5 store damaged or\n"
             "foreign, 6 MPI, 7 device, 70 a bug, 85 stopped on request (run again to go on)\n");
}

/// Hands the whole command line to neurosweep-engine beside this program.
int exec_engine(char** argv) {
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe");
  const std::string engine = (self.parent_path() / "neurosweep-engine").string();
  execv(engine.c_str(), argv);
  log_error("{}: cannot be started ({}); it belongs beside neurosweep", engine, errno_text());
  return exit_status::kIo;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.empty() || words[0] == "--help" || words[0] == "-h" || words[0] == "help") {
    print_help(words.empty() ? stderr : stdout);
    return words.empty() ? exit_status::kInput : exit_status::kComplete;
  }
  if (words[0] == "--version") {
    fmt::print("neurosweep {}\n", NS_VERSION);
    return exit_status::kComplete;
  }
  std::vector<std::string> names;
  for (const auto& [name, summary] : kEngineVerbs) {
    if (words[0] == name) return exec_engine(argv);
    names.emplace_back(name);
  }
  for (const Verb& verb : front_verbs()) {
    if (words[0] == verb.name) return run_verb(front_verbs(), words);
    names.emplace_back(verb.name);
  }
  const std::string guess = nearest(words[0], names);
  log_error("unknown verb '{}'{}", words[0],
            guess.empty() ? fmt::format(" (valid: {})", fmt::join(names, ", ")) : "; did you mean '" + guess + "'?");
  return exit_status::kInput;
}
