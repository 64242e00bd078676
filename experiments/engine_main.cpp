#include "experiments/verbs/edit_verbs.hpp"
#include "experiments/verbs/model_verbs.hpp"
#include "experiments/verbs/study_verbs.hpp"
#include "experiments/verbs/verb.hpp"

namespace neurosweep {

namespace {

constexpr Verb kVerbs[] = {
    {"run", "run a study, or what is left of it", run_run},
    {"plan", "what a study will do and cost", run_plan},
    {"keys", "list the keys of a study file", run_keys},
    {"score", "log-probabilities of given tokens", run_score},
    {"generate", "continue prompts", run_generate},
    {"monitor", "continue prompts and tell the risk of a wrong answer", run_monitor},
    {"tokenize", "texts to token ids and back", run_tokenize},
    {"sweep", "one sweep job on one model", run_sweep},
    {"transfer", "a steering file for another model", run_transfer},
    {"export", "a direction, template or monitor as a file", run_export},
    {"edit", "write an edited checkpoint", run_edit},
    {"diff", "compare two checkpoints", run_diff},
};

}  // namespace

std::span<const Verb> engine_verbs() {
  return kVerbs;
}

}  // namespace neurosweep

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.empty()) return 2;
  return neurosweep::run_verb(neurosweep::engine_verbs(), words);
}
