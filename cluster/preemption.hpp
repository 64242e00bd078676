#pragma once

#include <atomic>
#include <memory>
#include <string>

namespace neurosweep {

/// Whether the run has been asked to stop early. Copies see the same request.
class StopToken {
 public:
  /// A token of its own, that no signal reaches.
  StopToken();

  bool requested() const { return signal_->load(std::memory_order_acquire) != 0; }
  int signal() const { return signal_->load(std::memory_order_acquire); }  ///< 0 while nothing was requested
  std::string reason() const;                                              ///< "SIGTERM", ...; "" while nothing was
  /// Asks for a stop as if `signal_number` had come; the first request stays.
  void request(int signal_number) const;

 private:
  friend StopToken install_stop_handlers();
  explicit StopToken(std::shared_ptr<std::atomic<int>> signal) : signal_(std::move(signal)) {}
  std::shared_ptr<std::atomic<int>> signal_;
};

/// SIGTERM, SIGINT and SIGUSR1 request a stop through the token; a second SIGINT ends the process at once (130).
StopToken install_stop_handlers();

}  // namespace neurosweep
