// What the copier queues on the copy stream, in which order, and what it tells the core.
#include <gmock/gmock.h>

#include <host/copier.hpp>
#include <tests/host/lone_part.hpp>

namespace tierpager::test {
namespace {

using testing::ElementsAre;

struct copier_alone : lone_part {
  copier_alone() {
    commands_.also = [this](command& next) TIERPAGER_REQUIRES(pager_lock) {
      if (auto* const copy = std::get_if<copy_command>(&next)) copies.add(*copy);
      if (std::holds_alternative<settle_command>(next)) copies.add_settle();
    };
  }
  /// With memory there, and the tensor read: the copier has its copy.
  void read(tensor_id id) TIERPAGER_REQUIRES(pager_lock) {
    (void)ask_for(id);
    for (bool any = true; any; core_.dispatch()) {
      auto const remaps = commands_.take_all<remap_command>();
      auto const reads = commands_.take_all<read_command>();
      any = !remaps.empty() || !reads.empty();
      for (remap_command const& each : remaps)
        core_->remapped(each.where, each.decommits.size(), each.commits.size(), {});
      for (read_command const& each : reads) core_->read_done(each.tensor, each.chunk, {});
    }
  }
  /// Runs the loop on another thread until `holds`, under the lock, and returns what the device saw.
  template <class Condition>
  std::vector<std::string> run_until(Condition const& holds) TIERPAGER_EXCLUDES(pager_lock) {
    {
      std::jthread const thread([&] { copies.run(); });
      eventually([&] {
        scoped_lock const lock(core_.mutex());
        return holds();
      });
      scoped_lock const lock(core_.mutex());
      (void)core_.close();
      copies.wake();
    }
    return device_.take_calls();
  }
  bool in_vram(tensor_id id) TIERPAGER_NO_THREAD_SAFETY_ANALYSIS { return core_->resident(id, tier::vram); }
  std::uint64_t quarantined_bytes() TIERPAGER_NO_THREAD_SAFETY_ANALYSIS {
    return core_->stats().vram.quarantined_bytes;
  }
  bool rejected() {
    for (reject_command& each : commands_.take_all<reject_command>()) why = std::move(each.why);
    return why.has_value();
  }

  tracer const trace{model_.tensors};
  last_uses latest{core_, device_};
  copier copies{core_, device_, trace, latest};
  std::optional<failure> why;
};

TEST_F(copier_alone, copies_what_was_read) {
  {
    scoped_lock const lock(core_.mutex());
    read(tensor_id{0});
  }
  EXPECT_THAT(run_until([&] { return in_vram(tensor_id{0}); }), ElementsAre("copy 4096"));
}

TEST_F(copier_alone, waits_on_the_copy_stream_for_the_last_uses_of_a_victim) {
  {
    scoped_lock const lock(core_.mutex());
    read(tensor_id{0});
    read(tensor_id{1});
  }
  std::jthread const thread([&] { copies.run(); });
  eventually([&] {
    scoped_lock const lock(core_.mutex());
    return in_vram(tensor_id{0}) && in_vram(tensor_id{1});
  });
  {
    scoped_lock const lock(core_.mutex());
    device_.forget_calls();
    core_->release(tensor_id{0}, tier::vram, this_thread_owner(), fence{7, 3});
    core_->release(tensor_id{1}, tier::vram, this_thread_owner(), fence{7, 4});
    read(tensor_id{2});
  }
  eventually([&] {
    scoped_lock const lock(core_.mutex());
    for (ask_command const& each : commands_.take_all<ask_command>()) core_->passed(each.about);
    core_.dispatch();
    return in_vram(tensor_id{2});
  });
  scoped_lock const lock(core_.mutex());
  (void)core_.close();
  copies.wake();
  EXPECT_THAT(device_.take_calls(), ElementsAre("wait 0 for 7:3", "wait 0 for 0:1", "copy 4096"))
      << "0:1 is the copy of the victim itself";
}

TEST_F(copier_alone, records_a_fence_behind_a_copy_that_failed) {
  {
    scoped_lock const lock(core_.mutex());
    read(tensor_id{0});
    device_.fails["copy"] = failed();
  }
  EXPECT_THAT(run_until([&] { return rejected() && quarantined_bytes() == 0; }), ElementsAre("copy 4096", "record 0"));
  EXPECT_EQ(why->code, errc::device_failed);
}

TEST_F(copier_alone, tells_the_core_that_the_device_is_lost) {
  {
    scoped_lock const lock(core_.mutex());
    read(tensor_id{0});
    device_.fails["copy"] = lost();
  }
  (void)run_until([&] { return rejected(); });
  EXPECT_EQ(why->code, errc::device_lost);
}

}  // namespace
}  // namespace tierpager::test
