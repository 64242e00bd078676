#include "cluster/mpi_calls.hpp"

#include <exception>
#include <string>

#include "framework/base/error.hpp"

namespace neurosweep {

void check_mpi(int code, const char* call) {
  if (code == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  MPI_Error_string(code, text, &length);
  throw error(ErrorKind::mpi, "{} failed ({}): see the launcher's messages above, then start the run again to resume",
              call, std::string(text, static_cast<std::size_t>(length)));
}

bool mpi_is_running() {
  int started = 0;
  int ended = 0;
  MPI_Initialized(&started);
  MPI_Finalized(&ended);
  return started && !ended;
}

void wait_napping(MPI_Request& request) {
  Nap nap;
  int complete = 0;
  for (;;) {
    check_mpi(MPI_Test(&request, &complete, MPI_STATUS_IGNORE), "MPI_Test");
    if (complete) return;
    nap.rest();
  }
}

Comm::Group::Group(MPI_Comm made, bool owned) : handle(made), owned_(owned) {
  check_mpi(MPI_Comm_set_errhandler(handle, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  check_mpi(MPI_Comm_rank(handle, &rank), "MPI_Comm_rank");
  check_mpi(MPI_Comm_size(handle, &size), "MPI_Comm_size");
}

Comm::Group::~Group() {
  // Freeing is collective: while an exception flies, the other ranks may never come.
  if (owned_ && std::uncaught_exceptions() == 0 && mpi_is_running()) MPI_Comm_free(&handle);
}

}  // namespace neurosweep
