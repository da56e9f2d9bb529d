// Holds what is read here against what the official packages read back from the files they wrote: tests/fixtures.
#include <host/read_catalog.hpp>

#include <gtest/gtest.h>

#include <fstream>

#include <nlohmann/json.hpp>

#include <tierpager/checksum.hpp>

namespace tierpager {
namespace {

std::string const folder = TIERPAGER_FIXTURES;

std::string hexadecimal(std::uint64_t value) {
  std::string digits(16, '0');
  for (std::size_t i = 16; i-- > 0; value >>= 4U) digits[i] = "0123456789abcdef"[value & 0xfU];
  return digits;
}

std::string hexadecimal(std::span<std::byte const> bytes) {
  std::string digits;
  for (std::byte const each : bytes) digits += hexadecimal(static_cast<std::uint64_t>(each)).substr(14);
  return digits;
}

void expect_equal(opened_model const& model, std::size_t number, nlohmann::json const& expected) {
  tensor_info const& info = model.tensors.infos()[number];
  SCOPED_TRACE(info.name);
  EXPECT_EQ(info.name, expected["name"].get<std::string>());
  EXPECT_EQ(info.dtype, expected["dtype"].get<std::string>());
  EXPECT_EQ(info.shape, expected["shape"].get<std::vector<std::uint64_t>>());
  EXPECT_EQ(info.file, expected["file"].get<std::uint32_t>());
  EXPECT_EQ(info.offset, expected["offset"].get<std::uint64_t>());
  ASSERT_EQ(info.bytes, expected["bytes"].get<std::uint64_t>());
  std::vector<std::byte> content(info.bytes);
  ASSERT_TRUE(model.files[info.file].read(info.offset, content).ok());
  EXPECT_EQ(hexadecimal(std::span(content).first(std::min<std::size_t>(16, content.size()))),
            expected["first_bytes"].get<std::string>());
  checksum_accumulator sum;
  sum.add(content);
  EXPECT_EQ(hexadecimal(sum.value()), expected["checksum"].get<std::string>());
}

TEST(fixtures, are_read_as_the_official_packages_read_them) {
  auto const expected = nlohmann::json::parse(std::ifstream(folder + "/expected.json"));
  ASSERT_GE(expected["models"].size(), 12U);
  for (auto const& each : expected["models"]) {
    SCOPED_TRACE(each["path"].get<std::string>());
    auto const model = read_catalog({folder + "/" + each["path"].get<std::string>()});
    ASSERT_TRUE(model.ok()) << model.error().describe();
    std::vector<std::string> files;
    for (auto const& name : each["files"]) files.push_back(folder + "/" + name.get<std::string>());
    EXPECT_EQ(model->tensors.files(), files);
    ASSERT_EQ(model->tensors.size(), each["tensors"].size());
    ASSERT_EQ(model->files.size(), files.size());
    for (std::size_t i = 0; i < model->tensors.size(); ++i) expect_equal(*model, i, each["tensors"][i]);
  }
}

}  // namespace
}  // namespace tierpager
