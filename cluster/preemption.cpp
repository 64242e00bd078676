#include "cluster/preemption.hpp"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "cluster/last_word.hpp"
#include "framework/base/error.hpp"

namespace neurosweep {

namespace {

std::atomic<int> g_signal = 0;
std::atomic<int> g_interrupts = 0;
static_assert(std::atomic<int>::is_always_lock_free, "the handler may touch lock-free atomics only");

void set_if_first(std::atomic<int>& signal, int number) {
  int none = 0;
  signal.compare_exchange_strong(none, number, std::memory_order_acq_rel);
}

extern "C" void note_stop_signal(int number) {
  leave_last_word(number);
  if (number == SIGINT && g_interrupts.fetch_add(1) > 0) _exit(128 + SIGINT);
  set_if_first(g_signal, number);
}

void handle_signal(int number) {
  struct sigaction action = {};
  action.sa_handler = note_stop_signal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  if (sigaction(number, &action, nullptr) != 0) {
    throw error(ErrorKind::internal, "no handler for signal {} ({}): cannot stop in order", number, errno_text());
  }
}

}  // namespace

StopToken::StopToken() : signal_(std::make_shared<std::atomic<int>>(0)) {}

std::string StopToken::reason() const {
  const char* name = sigabbrev_np(signal());
  return requested() && name ? std::string("SIG") + name : "";
}

void StopToken::request(int signal_number) const {
  set_if_first(*signal_, signal_number);
}

StopToken install_stop_handlers() {
  for (const int number : {SIGTERM, SIGINT, SIGUSR1}) handle_signal(number);
  return StopToken(std::shared_ptr<std::atomic<int>>(&g_signal, [](std::atomic<int>*) {}));
}

}  // namespace neurosweep
