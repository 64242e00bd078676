#include "framework/model/safetensors.hpp"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/framework/model/safetensors_bytes.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/temp_dir.hpp"

namespace neurosweep {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class SafetensorsFileTest : public ::testing::Test {
 protected:
  SafetensorsFile open(const std::string& bytes) {
    testing::write_file(dir_.file("a.safetensors"), bytes);
    return SafetensorsFile::open(dir_.file("a.safetensors"));
  }

  void expect_refused(const std::string& bytes, const ::testing::Matcher<std::string>& text) {
    expect_error(ErrorKind::input, AllOf(HasSubstr("a.safetensors"), text), [&] { open(bytes); });
  }

  testing::TempDir dir_;
};

std::string floats(const std::vector<float>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

TEST_F(SafetensorsFileTest, GivesTensorsByName) {
  const auto file = open(testing::safetensors_bytes(
      R"({"__metadata__": {"format": "pt"}, "b": {"dtype": "F32", "shape": [2, 1], "data_offsets": [4, 12]},)"
      R"( "a": {"dtype": "F32", "shape": [], "data_offsets": [0, 4]}})",
      floats({1.5, 2, 3})));

  EXPECT_THAT(file.names(), ElementsAre("a", "b"));
  EXPECT_EQ(file.tensor("a").item<float>(), 1.5);
  EXPECT_TRUE(file.tensor("b").equal(at::arange(2, 4, at::kFloat).view({2, 1})));
}

TEST_F(SafetensorsFileTest, KeepsEveryReadableTypeBitForBit) {
  const std::map<std::string, at::Tensor> tensors = {{"f32", at::tensor({0.1f, -3.0f})},
                                                     {"f16", at::tensor({0.1f, -3.0f}).to(at::kHalf)},
                                                     {"bf16", at::tensor({0.1f, -3.0f}).to(at::kBFloat16)},
                                                     {"i64", at::tensor({-1, 1 << 30}).to(at::kLong)}};
  testing::write_safetensors(dir_.file("t.safetensors"), tensors);

  const auto file = SafetensorsFile::open(dir_.file("t.safetensors"));

  for (const auto& [name, tensor] : tensors) {
    EXPECT_EQ(file.tensor(name).scalar_type(), tensor.scalar_type()) << name;
    EXPECT_TRUE(file.tensor(name).equal(tensor)) << name;
  }
}

TEST_F(SafetensorsFileTest, ReadsDataThatIsNotAligned) {
  const std::string header = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
  for (std::size_t pad = 0; pad < sizeof(float); ++pad) {
    const auto file = open(testing::safetensors_bytes(header + std::string(pad, ' '), floats({1, 2})));

    EXPECT_TRUE(file.tensor("a").equal(at::tensor({1.0f, 2.0f}))) << pad;
  }
}

TEST_F(SafetensorsFileTest, TensorsOutliveTheFileObjectAndTheFile) {
  at::Tensor tensor;
  {
    testing::TempDir gone;
    testing::write_safetensors(gone.file("t.safetensors"), {{"a", at::tensor({4.0f, 5.0f})}});
    tensor = SafetensorsFile::open(gone.file("t.safetensors")).tensor("a");
  }

  EXPECT_TRUE(tensor.equal(at::tensor({4.0f, 5.0f})));
}

TEST_F(SafetensorsFileTest, WritingToATensorLeavesTheFileAsItWas) {
  testing::write_safetensors(dir_.file("t.safetensors"), {{"a", at::tensor({4.0f, 5.0f})}});
  const std::string before = testing::read_file(dir_.file("t.safetensors"));

  SafetensorsFile::open(dir_.file("t.safetensors")).tensor("a").zero_();

  EXPECT_EQ(testing::read_file(dir_.file("t.safetensors")), before);
}

TEST_F(SafetensorsFileTest, AcceptsAnEmptyTensor) {
  const auto file =
      open(testing::safetensors_bytes(R"({"e": {"dtype": "F32", "shape": [0, 3], "data_offsets": [0, 0]},)"
                                      R"( "a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}})",
                                      floats({1})));

  EXPECT_EQ(file.tensor("e").sizes(), at::IntArrayRef({0, 3}));
}

TEST_F(SafetensorsFileTest, NamesATensorThatIsNotThere) {
  const auto file = open(testing::safetensors_bytes("{}", ""));

  expect_error(ErrorKind::input, HasSubstr("a.safetensors: missing tensor 'lm_head.weight'"),
               [&] { file.tensor("lm_head.weight"); });
}

TEST_F(SafetensorsFileTest, CannotOpenAFileThatIsNotThere) {
  expect_error(ErrorKind::io, HasSubstr("/nowhere/m.safetensors: cannot open (No such file or directory)"),
               [] { SafetensorsFile::open("/nowhere/m.safetensors"); });
  expect_error(ErrorKind::io, HasSubstr("not a file"), [&] { SafetensorsFile::open(dir_.path().string()); });
}

TEST_F(SafetensorsFileTest, RefusesAFileShorterThanItsLengthField) {
  expect_refused("", HasSubstr("truncated: 0 bytes"));
  expect_refused("1234567", HasSubstr("truncated: 7 bytes"));
}

TEST_F(SafetensorsFileTest, RefusesAHeaderLongerThanTheFile) {
  expect_refused(testing::safetensors_bytes("{}", "").substr(0, 9),
                 HasSubstr("truncated: header of 2 bytes, but only 1 follow"));
}

TEST_F(SafetensorsFileTest, RefusesAHeaderOverTheLimit) {
  expect_refused("PK\x03\x04 a zip archive", HasSubstr("over the limit of 100000000"));
}

TEST_F(SafetensorsFileTest, RefusesAHeaderThatIsNotAJsonObject) {
  expect_refused(testing::safetensors_bytes(R"({"a": )", ""), HasSubstr("(header):1:7: not valid JSON"));
  expect_refused(testing::safetensors_bytes("[]", ""), HasSubstr("expected a JSON object, found array"));
  expect_refused(testing::safetensors_bytes(R"({"a": 3})", ""), HasSubstr("tensor 'a': expected a JSON object"));
}

TEST_F(SafetensorsFileTest, RefusesAHeaderWithAMissingField) {
  expect_refused(testing::safetensors_bytes(R"({"a": {"dtype": "F32", "data_offsets": [0, 4]}})", floats({1})),
                 HasSubstr("tensor 'a': missing key 'shape'"));
}

TEST_F(SafetensorsFileTest, RefusesANameThatIsThereTwice) {
  expect_refused(testing::safetensors_bytes(R"({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},)"
                                            R"( "a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}})",
                                            floats({1, 2})),
                 HasSubstr("key 'a' is there twice"));
}

TEST_F(SafetensorsFileTest, RefusesAnUnknownDtype) {
  expect_refused(
      testing::safetensors_bytes(R"({"a": {"dtype": "F4", "shape": [8], "data_offsets": [0, 4]}})", floats({1})),
      HasSubstr("tensor 'a': dtype F4 is not supported (supported: F32, F16, BF16"));
}

TEST_F(SafetensorsFileTest, RefusesToReadATensorOfAnotherDtype) {
  const auto file =
      open(testing::safetensors_bytes(R"({"mask": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]}})", "1234"));

  expect_error(ErrorKind::input, HasSubstr("tensor 'mask': dtype U8 is not supported"), [&] { file.tensor("mask"); });
}

TEST_F(SafetensorsFileTest, RefusesAShapeThatDoesNotFitItsBytes) {
  for (const char* shape : {"[3]", "[1, 1]", "[-1, -2]", "[4611686018427387904, 4, 2]"}) {
    const std::string header =
        fmt::format(R"({{"a": {{"dtype": "F32", "shape": {}, "data_offsets": [0, 8]}}}})", shape);

    expect_refused(testing::safetensors_bytes(header, floats({1, 2})),
                   AllOf(HasSubstr(fmt::format("tensor 'a': shape {}", shape)), HasSubstr("the 8 bytes")));
  }
}

TEST_F(SafetensorsFileTest, RefusesOffsetsThatAreNotARange) {
  for (const char* offsets : {"[4, 0]", "[-4, 0]", "[0]", "[0, 4, 8]"}) {
    const std::string header = fmt::format(R"({{"a": {{"dtype": "F32", "shape": [1], "data_offsets": {}}}}})", offsets);

    expect_refused(testing::safetensors_bytes(header, floats({1})), HasSubstr("data_offsets must be [begin, end]"));
  }
}

TEST_F(SafetensorsFileTest, RefusesOverlapAndHoles) {
  const std::string first = R"({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}, )";

  expect_refused(testing::safetensors_bytes(first + R"("b": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}})",
                                            floats({1, 2})),
                 HasSubstr("overlap before tensor 'b': it starts at byte 4, the one before ends at 8"));
  expect_refused(testing::safetensors_bytes(first + R"("b": {"dtype": "F32", "shape": [1], "data_offsets": [12, 16]}})",
                                            floats({1, 2, 3, 4})),
                 HasSubstr("hole before tensor 'b': it starts at byte 12, the one before ends at 8"));
}

TEST_F(SafetensorsFileTest, RefusesTruncatedDataAndBytesLeftOver) {
  const std::string header = R"({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}})";

  expect_refused(testing::safetensors_bytes(header, floats({1})),
                 HasSubstr("truncated: the tensors take 8 bytes, the file holds 4"));
  expect_refused(testing::safetensors_bytes(header, floats({1, 2, 3})),
                 HasSubstr("bytes left over: the tensors take 8 bytes, the file holds 12"));
}

}  // namespace
}  // namespace neurosweep
