#include "framework/model/fit_memory.hpp"

#include <new>
#include <vector>

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/model/cpu/attention.hpp"
#include "tests/support/expect_error.hpp"

namespace neurosweep {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const BatchedWork kWork{"sweeping", "arms", c10::Device(c10::DeviceType::CPU)};

/// A body for which `fits` rows are the most.
struct Body {
  std::int64_t fits;
  std::vector<std::int64_t> tried{};

  std::int64_t operator()(std::int64_t rows) {
    tried.push_back(rows);
    if (rows > fits)
      C10_THROW_ERROR(OutOfMemoryError,
                      "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a "
                      "total capacity of 4.00 GiB of which 1.00 GiB is free. Of the "
                      "allocated memory 1 GiB is allocated by PyTorch.\nmore");
    return rows;
  }
};

TEST(FitMemory, HalvesABatchUntilItFits) {
  Body body{10};

  EXPECT_EQ(fit_memory(kWork, 64, body), 8);

  EXPECT_THAT(body.tried, ElementsAre(64, 32, 16, 8));
}

TEST(FitMemory, ARowThatDoesNotFitIsAnErrorThatSaysWhatHowMuchAndWhatToDo) {
  Body body{0};

  expect_error(ErrorKind::device,
               AllOf(HasSubstr("sweeping: out of memory on cpu even with a batch of one"),
                     HasSubstr("Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 4.00 GiB of which 1.00 GiB "
                               "is free): use dtype"),
                     Not(HasSubstr("PyTorch")), Not(HasSubstr("\n"))),
               [&] { fit_memory(kWork, 3, body); });

  EXPECT_THAT(body.tried, ElementsAre(3, 1));
}

TEST(FitMemory, TellsOfASizeThatDoesNotFitOnce) {
  const BatchedWork work{"work of a test", "rows", c10::Device(c10::DeviceType::CPU)};

  ::testing::internal::CaptureStderr();
  for (int k = 0; k < 3; ++k) fit_memory(work, 4, Body{2});
  const std::string log = ::testing::internal::GetCapturedStderr();

  EXPECT_THAT(log, HasSubstr("work of a test: a batch of 4 rows does not fit into the memory of cpu (CUDA out of "
                             "memory. Tried to allocate 2.00 GiB."));
  EXPECT_THAT(log, HasSubstr("going on with 2"));
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 1);
}

TEST(FitMemory, OtherFailuresAreNotTriedAgain) {
  int runs = 0;

  expect_error(ErrorKind::internal, HasSubstr("libtorch failed"), [&] {
    fit_memory(kWork, 8, [&](std::int64_t) {
      ++runs;
      TORCH_CHECK(false, "shapes differ");
    });
  });
  expect_error(ErrorKind::input, HasSubstr("empty"), [&] {
    fit_memory(kWork, 8, [&](std::int64_t) {
      ++runs;
      throw input_error("empty");
    });
  });

  EXPECT_EQ(runs, 2);
}

TEST(FitMemory, AHookThatCannotForgetEndsTheWork) {
  class Plain final : public ActivationHook {
    bool wants(Site, LayerIndex) const override { return false; }
    void visit(Site, LayerIndex, at::Tensor&, const BatchRows&) override {}
  };
  Plain hook;

  expect_error(ErrorKind::device, HasSubstr("cannot start again"), [&] { forget_sequences(&hook, {1, 2}); });
  EXPECT_NO_THROW(forget_sequences(nullptr, {1, 2}));
}

TEST(GuardTorch, MemoryThatTheHostRefusesIsADeviceError) {
  expect_error(ErrorKind::device, AllOf(HasSubstr("reserving: out of memory"), HasSubstr("fewer slots")), [] {
    guard_torch("reserving", [] { at::empty({std::int64_t{1} << 45}); });  // really asks for 128 TiB
  });
  expect_error(ErrorKind::device, HasSubstr("packing: out of memory"),
               [] { guard_torch("packing", [] { cpu::AlignedBuffer<float> buffer(std::int64_t{1} << 45); }); });
}

TEST(GuardTorch, AFailureInAParallelRegionDoesNotEndTheProcess) {
  for (const int threads : {1, 2}) {
    expect_error(ErrorKind::device, HasSubstr("attending: out of memory"), [&] {
      guard_torch("attending", [&] {
        cpu::for_each_unit(4, threads, [](std::int64_t unit, cpu::AttentionScratch&) {
          if (unit % 2 == 1) throw std::bad_alloc();
        });
      });
    });
  }
}

}  // namespace
}  // namespace neurosweep
