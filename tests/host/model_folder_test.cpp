#include <host/model_folder.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "temporary_folder.hpp"

namespace tierpager {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::temporary_folder;

std::string const index_text = R"({"weight_map":{"a":"1.safetensors"}})";

class model_folder : public ::testing::Test {
 protected:
  void has(std::vector<std::string> const& names) const {
    for (std::string const& name : names) folder_.write(name, "");
  }
  [[nodiscard]] std::vector<std::string> found() const {
    auto paths = value_or_throw(find_model(folder_.path()));
    for (std::string& each : paths) each = each.substr(folder_.path().size() + 1);
    return paths;
  }
  [[nodiscard]] failure why_not() const {
    auto const paths = find_model(folder_.path());
    return paths.ok() ? failure{.code = errc::cancelled, .what = "found " + paths->front()} : paths.error();
  }
  void expect_choice_of(std::vector<std::string> const& names) const {
    failure const why = why_not();
    EXPECT_EQ(why.code, errc::invalid_argument);
    EXPECT_EQ(why.file, folder_.path());
    for (std::string const& name : names) EXPECT_THAT(why.what, HasSubstr(name));
  }

  temporary_folder folder_;
};

TEST_F(model_folder, of_one_file_stands_for_it_in_letters_of_any_case) {
  has({"model.SafeTensors", "config.json", "tokenizer.json", "._model.safetensors", "README.md"});
  EXPECT_THAT(found(), ElementsAre("model.SafeTensors"));
}

TEST_F(model_folder, of_all_parts_stands_for_them) {
  has({"m-00002-of-000003.safetensors", "m-00001-of-000003.safetensors", "m-00003-of-000003.safetensors"});
  EXPECT_THAT(found(), ElementsAre("m-00001-of-000003.safetensors", "m-00002-of-000003.safetensors",
                                   "m-00003-of-000003.safetensors"));
}

TEST_F(model_folder, of_parts_counted_from_0_stands_for_them) {
  has({"m-00000-of-00002.safetensors", "m-00001-of-00002.safetensors"});
  EXPECT_THAT(found(), ElementsAre("m-00000-of-00002.safetensors", "m-00001-of-00002.safetensors"));
}

TEST_F(model_folder, of_a_split_gguf_model_stands_for_its_first_part) {
  has({"m-00002-of-00002.gguf", "m-00001-of-00002.gguf"});
  EXPECT_THAT(found(), ElementsAre("m-00001-of-00002.gguf"));
}

TEST_F(model_folder, without_a_part_is_refused_with_the_name_of_that_part) {
  for (std::string const ending : {".gguf", ".safetensors"}) {
    for (int missing = 1; missing <= 3; ++missing) {
      temporary_folder const folder;
      for (int part = 1; part <= 3; ++part)
        if (part != missing) folder.write("m-0000" + std::to_string(part) + "-of-00003" + ending, "");
      failure const why = find_model(folder.path()).error();
      EXPECT_EQ(why.code, errc::file_not_found);
      EXPECT_EQ(why.file, folder.path("m-0000" + std::to_string(missing) + "-of-00003" + ending));
      EXPECT_THAT(why.what, HasSubstr("2 of 3 parts"));
    }
  }
}

TEST_F(model_folder, with_companions_is_refused_with_the_choice) {
  for (std::vector<std::string> const& names : std::vector<std::vector<std::string>>{
           {"model-Q4_K_M.gguf", "mmproj-model-f16.gguf"},
           {"model-Q4_K_M.gguf", "model.imatrix.gguf"},
           {"model-Q4_K_M.gguf", "model-Q8_0.gguf"},
           {"model-00001-of-00002.gguf", "mmproj.GGUF"},
           {"model.safetensors", "adapter_model.safetensors"},
           {"model.safetensors", "model.fp16.safetensors"},
           {"unet.safetensors", "vae.safetensors"},
           {"model-00001-of-00002.safetensors", "consolidated.safetensors"},
           {"model-00001-of-00002.safetensors", "consolidated-00001-of-00002.safetensors"},
           {"model-00001-of-00002.safetensors", "model-00001-of-00003.safetensors"},
           {"model.safetensors", "model.gguf"}}) {
    temporary_folder const folder;
    for (std::string const& name : names) folder.write(name, "");
    failure const why = find_model(folder.path()).error();
    EXPECT_EQ(why.code, errc::invalid_argument);
    EXPECT_EQ(why.file, folder.path());
    for (std::string const& name : names) EXPECT_THAT(why.what, HasSubstr(name));
  }
}

TEST_F(model_folder, says_of_each_model_how_many_of_its_parts_are_there) {
  has({"a-00001-of-00002.gguf", "b.gguf"});
  expect_choice_of({"a-00001-of-00002.gguf (1 of 2 parts), b.gguf"});
  EXPECT_THAT(why_not().what, Not(HasSubstr("b.gguf (")));
}

TEST_F(model_folder, names_no_more_than_a_line_holds) {
  for (int i = 0; i < 100; ++i) has({"m" + std::to_string(i) + ".gguf"});
  EXPECT_THAT(why_not().what, HasSubstr(" and 84 more"));
}

TEST_F(model_folder, with_an_index_stands_for_that_whatever_lies_beside_it) {
  has({"model-00001-of-00003.safetensors", "adapter_model.safetensors", "consolidated.safetensors", "m.gguf"});
  folder_.write("model.safetensors.index.json", index_text);
  EXPECT_THAT(found(), ElementsAre("model.safetensors.index.json"));
}

TEST_F(model_folder, knows_an_index_of_another_name_by_its_weight_map) {
  has({"1.safetensors", "2.safetensors", "tokenizer.json"});
  folder_.write("config.json", R"({"x":"weight_map"})");
  folder_.write("nested.json", R"({"x":{"weight_map":{"a":"1.safetensors"}}})");
  // The name lies across the pieces in which files are looked through.
  folder_.write("my_index.json", "{" + std::string((64U << 10U) - 5, ' ') + index_text.substr(1));
  EXPECT_THAT(found(), ElementsAre("my_index.json"));
}

TEST_F(model_folder, with_two_indexes_is_refused_with_the_choice) {
  folder_.write("m.safetensors.index.json", index_text);
  folder_.write("m.safetensors.index.fp16.json", index_text);
  expect_choice_of({"m.safetensors.index.json", "m.safetensors.index.fp16.json"});
}

TEST_F(model_folder, passes_over_the_index_of_pickles_beside_safetensors) {
  folder_.write("pytorch_model.bin.index.json", R"({"weight_map":{"a":"pytorch_model-00001-of-00001.bin"}})");
  has({"pytorch_model-00001-of-00001.bin"});
  EXPECT_THAT(why_not().what, AllOf(HasSubstr("pickles"), HasSubstr("pytorch_model-00001-of-00001.bin")));
  has({"model.safetensors"});
  EXPECT_THAT(found(), ElementsAre("model.safetensors"));
}

TEST_F(model_folder, of_a_pipeline_is_refused_with_the_folders_that_can_be_named) {
  folder_.write("model_index.json", R"({"_class_name":"FluxPipeline"})");
  has({"unet/diffusion_pytorch_model.safetensors", "vae/model.safetensors.index.json", "gguf/a.gguf",
       "tokenizer/vocab.json"});
  expect_choice_of({"gguf/, unet/, vae/"});
  EXPECT_THAT(why_not().what, Not(HasSubstr("tokenizer")));
}

TEST_F(model_folder, of_nothing_that_is_read_is_refused) {
  expect_choice_of({"holds no safetensors and no GGUF file"});
  std::filesystem::create_directory(folder_.path("folder.gguf"));
  expect_choice_of({"holds no safetensors and no GGUF file"});
  EXPECT_EQ(find_model(folder_.path("none")).error().code, errc::read_failed);
}

}  // namespace
}  // namespace tierpager
