#include <gmock/gmock.h>

#include <filesystem>

#include "tests/integration/planted_copy.hpp"
#include "tests/integration/study_fixture.hpp"

namespace neurosweep {
namespace {

namespace fs = std::filesystem;

using ::testing::HasSubstr;
using testing::run_neurosweep;
using testing::write_planted_copy;

// A direction of the small reasoner, on its planted copy.
const std::string kCopyStudy = testing::study_head("copy", {"compare", "sort"}) + R"([models.copy]
path = "COPY"

[[experiment]]
kind = "gradient"
models = ["small"]
items = 20

[[experiment]]
kind = "learn"
from = "gradient"
models = ["small"]
items = 20
top = 20
steps = 6
batch = 10

[[experiment]]
kind = "transfer"
donor = "small"
receiver = "copy"
sources = ["learn", "gradient"]
items = 40
layers_per_unit = 3

[[experiment]]
kind = "steer"
name = "own"
models = ["small"]
validate_items = 4
test_items = 12
strengths = [1]
variant = [{ name = "v", from = "learn" }]

[[experiment]]
kind = "steer"
name = "imported"
models = ["copy"]
validate_items = 4
test_items = 12
strengths = [1]
variant = [{ name = "v", from = "transfer/matching/learn" }]
)";

// Two architectures and shapes; sets, directions and templates both ways.
const std::string kAcrossStudy = testing::study_head("across", {"compare", "sort"}) + R"([models.large]
path = "@models@/reasoner-large"

[[experiment]]
kind = "trace"
items = 4
attempts = 2

[[experiment]]
kind = "gradient"
items = 12
top = 30

[[experiment]]
kind = "template"
from = "trace"
neurons = "gradient"
top = 10

[[experiment]]
kind = "sweep"
candidates = "all"
models = ["large"]
items = 1
controls = 20
fdr = 1.0

[[experiment]]
kind = "transfer"
donor = "large"
receiver = "small"
sources = ["gradient", "template", "sweep"]
items = 20
top = 20
layers = "all"
layers_per_unit = 3

[[experiment]]
kind = "transfer"
name = "back"
donor = "small"
receiver = "large"
sources = ["gradient"]
maps = ["ridge"]
align = "means"
items = 20

[[experiment]]
kind = "steer"
models = ["small"]
validate_items = 4
test_items = 6
strengths = [0.3]
[[experiment.variant]]
name = "matching"
from = "transfer/matching/gradient"
random_draws = 1
[[experiment.variant]]
name = "ridge"
from = "transfer/ridge/gradient"
[[experiment.variant]]
name = "ridge shuffled"
from = "transfer/ridge-shuffled/gradient"
[[experiment.variant]]
name = "pattern"
from = "transfer/procrustes/template"

[[experiment]]
kind = "suppress"
from = "transfer/procrustes/sweep"
models = ["small"]
items = 4
top = 5
random_sets = 1
)";

class TransferTest : public testing::StudyTest {
 protected:
  std::string write_across(const std::string& from = "", const std::string& to = "") const {
    std::string text = kAcrossStudy;
    if (!from.empty()) text.replace(text.find(from), from.size(), to);
    return write_text("across.toml", text);
  }

  void expect_refused(const std::string& from, const std::string& to, const std::string& why) const {
    const auto run = run_neurosweep({"run", write_across(from, to), "--store", store("refused")});
    EXPECT_EQ(run.status, exit_status::kInput);
    EXPECT_THAT(run.err, HasSubstr(why));
  }
};

TEST_F(TransferTest, FindsAPlantedPermutationAndCarriesADirectionOverIt) {
  const std::string copy = dir_.file("copy");
  write_planted_copy(copy);
  std::string text = kCopyStudy;
  text.replace(text.find("COPY"), 4, copy);

  const auto run = run_neurosweep({"run", write_text("copy.toml", text), "--store", store()});

  ASSERT_EQ(run.status, 0) << run.err;
  const Json matches = query(
      "SELECT count(*) AS n, sum(donor_layer = receiver_layer AND (37 * receiver_neuron + 11) % 256 = donor_neuron) AS "
      "found, min(held_out) AS weakest, max(abs(slope - 1)) AS off FROM neuron_match");
  EXPECT_EQ(matches.at(0).at("n").get<int>(), 1024);
  EXPECT_GE(matches.at(0).at("found").get<int>(), 1014);
  EXPECT_GT(matches.at(0).at("weakest").get<double>(), 0.999);
  EXPECT_LT(matches.at(0).at("off").get<double>(), 1e-3);
  const Json maps = query("SELECT map, min(held_out) AS worst FROM transfer_map GROUP BY map ORDER BY map");
  for (const Json& map : maps) {
    const bool shuffled = map.at("map").get<std::string>().find("shuffled") != std::string::npos;
    EXPECT_EQ(map.at("worst").get<double>() > 0.99, !shuffled) << map.dump();
  }
  const Json values = query(
      "SELECT count(*) AS n, max(abs(o.value - i.value)) AS off FROM direction AS o JOIN transferred_neuron AS t ON "
      "t.source = o.experiment AND t.task = o.task AND t.donor_layer = o.layer AND t.donor_neuron = o.neuron AND t.map "
      "= "
      "'matching' JOIN direction AS i ON i.experiment = 'transfer/matching/learn' AND i.model = 'copy' AND i.task = "
      "o.task AND i.layer = t.layer AND i.neuron = t.neuron WHERE o.experiment = 'learn'");
  EXPECT_EQ(values.at(0).at("n").get<int>(), 40);
  EXPECT_LT(values.at(0).at("off").get<double>(), 1e-3);
  const Json identity =
      query("SELECT count(*) AS n FROM transferred_neuron WHERE map = 'identity' AND source = 'learn'");
  EXPECT_EQ(identity.at(0).at("n").get<int>(), 40);
  const std::string answers =
      "SELECT task, item, arm, completion FROM outcome JOIN round USING (round_id) WHERE round.experiment = '{}' AND "
      "round_no = 1 ORDER BY task, item, arm";
  EXPECT_EQ(query(fmt::format(fmt::runtime(answers), "imported")), query(fmt::format(fmt::runtime(answers), "own")));
}

TEST_F(TransferTest, GivesSetsDirectionsAndTemplatesToAnotherArchitectureWhateverTheRanks) {
  const std::string study = write_across();
  const auto alone = run_neurosweep({"run", study, "--store", store()});
  ASSERT_EQ(alone.status, 0) << alone.err;

  run_on_two_ranks(study, store("two"));

  EXPECT_EQ(sound_hash(store("two")), sound_hash(store()));
  EXPECT_EQ(query("transferred", "two"), query("transferred"));
  EXPECT_EQ(query("transfer_maps", "two"), query("transfer_maps"));
  EXPECT_EQ(query("layer_similarity").size(), 48U);
  const Json paired = query("SELECT count(*) AS n FROM layer_similarity WHERE paired GROUP BY experiment");
  EXPECT_EQ(paired.at(0).at("n").get<int>(), 4) << "the small one's layers, as donor";
  EXPECT_EQ(paired.at(1).at("n").get<int>(), 6);
  const Json twice =
      query("SELECT count(*) AS n FROM neuron_match GROUP BY experiment, receiver_layer, receiver_neuron HAVING n > 1");
  EXPECT_TRUE(twice.empty()) << "matching is one to one";
  const Json norms = query(
      "SELECT a.task, sum(a.value * a.value) AS norm, (SELECT sum(value * value) FROM direction AS b WHERE "
      "b.experiment = "
      "'transfer/ridge-shuffled/gradient' AND b.task = a.task) AS control FROM direction AS a WHERE a.experiment = "
      "'transfer/ridge/gradient' GROUP BY a.task");
  ASSERT_EQ(norms.size(), 3U);
  for (const Json& row : norms) {
    EXPECT_NEAR(row.at("norm").get<double>() / row.at("control").get<double>(), 1, 1e-6) << row.dump();
  }
  EXPECT_GT(query("SELECT * FROM success_template WHERE experiment = 'transfer/procrustes/template'").size(), 9U);
  EXPECT_EQ(query("SELECT DISTINCT variant FROM steer_effect").size(), 5U);
  EXPECT_EQ(query("SELECT * FROM set_contrast WHERE experiment = 'suppress' AND task = '*'").size(), 1U);
  ASSERT_EQ(run_neurosweep({"report", store()}).status, 0);
  EXPECT_THAT(testing::read_file(store() + "/report.md"), HasSubstr("## Transfer: transfer (large to small)"));
}

TEST_F(TransferTest, ComparesModelsOfTwoTokenizersWhereTheirTokensEndTogether) {
  const std::string letters = dir_.file("letters");
  fs::copy(testing::small_reasoner(), letters);
  Json tokenizer = parse_json(testing::read_file(letters + "/tokenizer.json"), "tokenizer");
  tokenizer["model"]["merges"] = Json::array();
  fs::remove(letters + "/tokenizer.json");
  testing::write_file(letters + "/tokenizer.json", json_text(tokenizer));
  Json config = parse_json(testing::read_file(letters + "/config.json"), "config");
  config["max_position_embeddings"] = 512;
  fs::remove(letters + "/config.json");
  testing::write_file(letters + "/config.json", json_text(config));
  std::string text = testing::study_head("tokens", {"compare"}) + R"([models.letters]
path = "LETTERS"

[[experiment]]
kind = "gradient"
models = ["small"]
items = 6
top = 10

[[experiment]]
kind = "transfer"
name = "characters"
donor = "small"
receiver = "letters"
sources = ["gradient"]
items = 30

[[experiment]]
kind = "transfer"
name = "means"
donor = "small"
receiver = "letters"
sources = ["gradient"]
items = 30
align = "means"
)";
  text.replace(text.find("LETTERS"), 7, letters);

  const auto run = run_neurosweep({"run", write_text("tokens.toml", text), "--store", store()});

  ASSERT_EQ(run.status, 0) << run.err;
  const Json maps = query(
      "SELECT experiment, map, max(n_samples) AS n, max(n_held_out) AS held, sum(held_out) AS worth FROM transfer_map "
      "WHERE map LIKE 'ridge%' GROUP BY experiment, map ORDER BY experiment, map");
  ASSERT_EQ(maps.size(), 4U);
  EXPECT_GT(maps.at(0).at("n").get<int>(), 200);
  EXPECT_GT(maps.at(0).at("worth").get<double>(), maps.at(1).at("worth").get<double>() + 0.5);
  EXPECT_EQ(maps.at(2).at("n").get<int>(), 24);
  EXPECT_EQ(maps.at(2).at("held").get<int>(), 6);
}

TEST_F(TransferTest, RefusesStudiesThatMakeNoSense) {
  expect_refused("receiver = \"small\"", "receiver = \"large\"", "donor and receiver are both 'large'");
  expect_refused("maps = [\"ridge\"]", "maps = [\"identity\"]",
                 "no identity between 'small' (4 layers of 256 neurons)");
  expect_refused("maps = [\"ridge\"]", "maps = [\"rigde\"]", "rigde");
  expect_refused("align = \"means\"", "align = \"mean\"", "align = 'mean' (valid: characters, means)");
  expect_refused("from = \"transfer/ridge/gradient\"", "from = \"transfer/ridge/sweep\"",
                 "no earlier experiment of kind");
  expect_refused("from = \"transfer/ridge/gradient\"", "from = \"transfer/rigde/gradient\"",
                 "is 'transfer/rigde/gradient', but transfer 'transfer' makes transfer/MAP/SOURCE with MAP identity,");
  expect_refused("items = 20\ntop = 20", "items = 20\nsplit = \"test\"", "what judges it must not have chosen it");
  expect_refused("items = 12\ntop = 30", "items = 12\nsplit = \"test\"", "what judges it must not have chosen it");
}

}  // namespace
}  // namespace neurosweep
