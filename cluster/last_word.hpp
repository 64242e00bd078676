#pragma once

#include <sys/types.h>

namespace neurosweep {

/// Four bytes of a file that tell how the process ended: the first signal that stops or crashes it is written there,
/// as is kHung. 0 stands for neither: in order, or by SIGKILL, of which a process knows nothing.
/// One at a time; it also takes the crash signals (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT) on their way to whoever
/// had them before.
class LastWord {
 public:
  static constexpr int kHung = -1;  ///< a unit took longer than its deadline

  /// Neither file nor offset may go before this object.
  LastWord(int descriptor, off_t offset);
  ~LastWord();
  LastWord(const LastWord&) = delete;
  LastWord& operator=(const LastWord&) = delete;
};

/// Leaves `word` for those who come later, if a LastWord is there and nothing was left before. For signal handlers too.
void leave_last_word(int word);

}  // namespace neurosweep
