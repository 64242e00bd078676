#include "experiments/verbs/verb.hpp"

#include <exception>

#include "framework/base/error.hpp"
#include "framework/base/log.hpp"

namespace neurosweep {

int run_verb(std::span<const Verb> verbs, const std::vector<std::string>& words) {
  try {
    for (const Verb& verb : verbs) {
      if (verb.name == words.at(0)) return verb.run({words.begin() + 1, words.end()});
    }
    throw error(ErrorKind::internal, "verb '{}' is not in this program", words.at(0));
  } catch (const Error& failure) {
    if (failure.what()[0] != '\0') log_error("{}", failure.what());
    return exit_code(failure.kind());
  } catch (const std::exception& failure) {
    log_error("{} (not expected here): please report it", failure.what());
    return exit_status::kInternal;
  }
}

}  // namespace neurosweep
