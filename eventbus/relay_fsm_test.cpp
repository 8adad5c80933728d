#include "tidemark/eventbus/relay_fsm.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <vector>

using namespace tidemark;
namespace act = tidemark::relay_action;
using phase = relay_fsm::phase;

namespace {

const auto log_id = message_id::derive({"log"});
const auto other_log = message_id::derive({"another log"});

position pos(std::uint64_t value) { return position{value}; }
checkpoint at(std::uint64_t value) { return {pos(value), log_id}; }
relay_entry entry(std::uint64_t value, std::string key) { return {pos(value), std::move(key)}; }
relay_entry unwanted(std::uint64_t value) { return {pos(value), {}, false}; }
act::publish sending(std::initializer_list<std::uint64_t> positions) {
    act::publish out;
    for (const auto value : positions) out.events.push_back(pos(value));
    return out;
}
act::advance moving(std::uint64_t from, std::uint64_t to) { return {at(from), at(to)}; }

std::vector<delivery_report> all_of(std::initializer_list<delivery> outcomes) {
    std::vector<delivery_report> out;
    for (const auto each : outcomes) out.push_back({each, "why"});
    return out;
}

constexpr auto yes = delivery::persisted;
constexpr auto no = delivery::not_persisted;
constexpr auto maybe = delivery::possibly_persisted;
constexpr auto never = delivery::refused;
constexpr auto broken = delivery::fatal;

const error unavailable{errc::unavailable, "the store is away"};
const error corrupt{errc::corrupt, "damaged"};
const error stale{errc::stale, "moved"};

using step = std::function<act::any(relay_fsm&)>;

/// Ways to reach a phase from the start.
const step start = [](relay_fsm& f) { return f.start(); };
const step load = [](relay_fsm& f) { return f.loaded(at(10), at(99)); };
const step bring = [](relay_fsm& f) {
    return f.arrived({entry(11, "a"), entry(12, "b"), entry(13, "a")}, pos(13));
};
const step bring_nothing = [](relay_fsm& f) { return f.arrived({}, pos(10)); };
const step persist = [](relay_fsm& f) { return f.reported(all_of({yes, yes, yes})); };
const step advance = [](relay_fsm& f) { return f.advanced(); };
const step wait = [](relay_fsm& f) { return f.waited(); };
const step renew = [](relay_fsm& f) { return f.renewed(); };
const step yield = [](relay_fsm& f) { return f.held_elsewhere(); };
const step stop = [](relay_fsm& f) {
    f.stop();
    return act::any{};
};
const step resume = [](relay_fsm& f) {
    f.resume();
    return act::any{};
};
step report(std::initializer_list<delivery> outcomes) {
    return [reports = all_of(outcomes)](relay_fsm& f) { return f.reported(reports); };
}
step fail(error why) {
    return [why](relay_fsm& f) { return f.failed(why); };
}
step load_of(message_id log) {
    return [log](relay_fsm& f) { return f.loaded({pos(10), log}, at(99)); };
}
const step load_of_earlier = [](relay_fsm& f) { return f.loaded(at(10), at(9)); };
step page(std::vector<relay_entry> entries, std::uint64_t seen) {
    return [entries, seen](relay_fsm& f) { return f.arrived(entries, pos(seen)); };
}

struct row {
    std::string name;
    std::vector<step> path;
    phase where;
    /// Nothing: only the kind of action matters (park).
    act::any expected;
};

bool matches(const act::any& seen, const act::any& expected) {
    if (std::holds_alternative<act::park>(expected)) {
        return std::holds_alternative<act::park>(seen);
    }
    return seen == expected;
}

void check(const std::vector<row>& rows) {
    for (const auto& r : rows) {
        CAPTURE(r.name);
        relay_fsm fsm;
        act::any last;
        for (const auto& each : r.path) last = each(fsm);
        CHECK(matches(last, r.expected));
        CHECK(fsm.where() == r.where);
    }
}

}  // namespace

TEST_CASE("relay fsm: the way of a page from the log to the checkpoint") {
    check({
        {"start loads", {start}, phase::loading, act::load{}},
        {"loaded reads behind the checkpoint", {start, load}, phase::reading, act::read{pos(10)}},
        {"a page is published in order",
         {start, load, bring},
         phase::publishing,
         sending({11, 12, 13})},
        {"all persisted: the checkpoint moves",
         {start, load, bring, persist},
         phase::advancing,
         moving(10, 13)},
        {"then the next page is read",
         {start, load, bring, persist, advance},
         phase::reading,
         act::read{pos(13)}},
        {"an empty page waits", {start, load, bring_nothing}, phase::waiting, act::idle{}},
        {"after the wait it reads again",
         {start, load, bring_nothing, wait},
         phase::reading,
         act::read{pos(10)}},
    });
}

TEST_CASE("relay fsm: what the mapping leaves out is passed by") {
    check({
        {"a page of nothing wanted moves the checkpoint",
         {start, load, page({unwanted(11), unwanted(12)}, 12)},
         phase::advancing,
         moving(10, 12)},
        {"a filtered reader moves up to what it has seen",
         {start, load, page({}, 40)},
         phase::advancing,
         moving(10, 40)},
        {"only wanted events are sent",
         {start, load, page({unwanted(11), entry(12, "a"), unwanted(13)}, 13)},
         phase::publishing,
         sending({12})},
        {"and the checkpoint passes the rest",
         {start, load, page({unwanted(11), entry(12, "a"), unwanted(13)}, 15), report({yes})},
         phase::advancing,
         moving(10, 15)},
        {"an unwanted prefix is passed although nothing was persisted",
         {start, load, page({unwanted(11), entry(12, "a")}, 12), report({no})},
         phase::advancing,
         moving(10, 11)},
        {"a page that ends before the checkpoint moves nothing",
         {start, load, page({}, 7)},
         phase::waiting,
         act::idle{}},
    });
}

TEST_CASE("relay fsm: the checkpoint moves only behind what is persisted, in order") {
    check({
        {"first open: nothing moves",
         {start, load, bring, report({no, yes, yes})},
         phase::backing_off,
         act::back_off{1}},
        {"last open: the part before it",
         {start, load, bring, report({yes, yes, maybe})},
         phase::advancing,
         moving(10, 12)},
        {"a hole: the part before it",
         {start, load, bring, report({yes, maybe, yes})},
         phase::advancing,
         moving(10, 11)},
        {"after the move it waits",
         {start, load, bring, report({yes, maybe, yes}), advance},
         phase::backing_off,
         act::back_off{1}},
        {"no report counts as unknown",
         {start, load, bring, report({yes})},
         phase::advancing,
         moving(10, 11)},
    });
}

TEST_CASE("relay fsm: what is not persisted goes again, with the later events of its key") {
    check({
        {"not persisted: again",
         {start, load, bring, report({yes, yes, no}), advance, wait},
         phase::publishing,
         sending({13})},
        {"possibly persisted: again",
         {start, load, bring, report({yes, yes, maybe}), advance, wait},
         phase::publishing,
         sending({13})},
        {"a later event of the same key goes again",
         {start, load, bring, report({no, yes, yes}), wait},
         phase::publishing,
         sending({11, 13})},
        {"another key does not",
         {start, load, bring, report({yes, no, yes}), advance, wait},
         phase::publishing,
         sending({12})},
        {"the rest done: the checkpoint passes all",
         {start, load, bring, report({yes, no, yes}), advance, wait, report({yes})},
         phase::advancing,
         moving(11, 13)},
        {"failures add up until something is well",
         {start, load, bring, report({no, no, no}), wait, report({no, no, no})},
         phase::backing_off,
         act::back_off{2}},
    });
}

TEST_CASE("relay fsm: a refused event parks the relay behind what is persisted") {
    check({
        {"the part before it counts",
         {start, load, bring, report({yes, never, yes})},
         phase::advancing,
         moving(10, 11)},
        {"then it parks",
         {start, load, bring, report({yes, never, yes}), advance},
         phase::parked,
         act::park{}},
        {"at once if nothing can move",
         {start, load, bring, report({never, yes, yes})},
         phase::parked,
         act::park{}},
        {"being woken does not end it",
         {start, load, bring, report({never, yes, yes}), wait},
         phase::parked,
         act::park{}},
        {"an operator's order does: from the checkpoint",
         {start, load, bring, report({never, yes, yes}), resume, wait},
         phase::loading,
         act::load{}},
        {"an order given before does not count",
         {start, load, resume, bring, report({never, yes, yes}), wait},
         phase::parked,
         act::park{}},
        {"refused outweighs fatal",
         {start, load, bring, report({never, broken, broken})},
         phase::parked,
         act::park{}},
    });
}

TEST_CASE(
    "relay fsm: a broken producer is replaced and everything behind the checkpoint repeated") {
    check({
        {"fatal: another producer",
         {start, load, bring, report({broken, broken, broken})},
         phase::renewing,
         act::renew{}},
        {"the part before it counts",
         {start, load, bring, report({yes, broken, broken})},
         phase::advancing,
         moving(10, 11)},
        {"then another producer",
         {start, load, bring, report({yes, broken, broken}), advance},
         phase::renewing,
         act::renew{}},
        {"a pause comes first",
         {start, load, bring, report({broken, yes, yes}), renew},
         phase::backing_off,
         act::back_off{1}},
        {"then all of it again, persisted or not",
         {start, load, bring, report({broken, yes, yes}), renew, wait},
         phase::publishing,
         sending({11, 12, 13})},
    });
}

TEST_CASE("relay fsm: a failing store is asked again, a broken one parks") {
    check({
        {"load fails", {start, fail(unavailable)}, phase::backing_off, act::back_off{1}},
        {"load again", {start, fail(unavailable), wait}, phase::loading, act::load{}},
        {"failures count",
         {start, fail(unavailable), wait, fail(unavailable)},
         phase::backing_off,
         act::back_off{2}},
        {"read fails", {start, load, fail(unavailable)}, phase::backing_off, act::back_off{1}},
        {"read again", {start, load, fail(unavailable), wait}, phase::reading, act::read{pos(10)}},
        {"advance fails",
         {start, load, bring, persist, fail(unavailable)},
         phase::backing_off,
         act::back_off{1}},
        {"advance again",
         {start, load, bring, persist, fail(unavailable), wait},
         phase::advancing,
         moving(10, 13)},
        {"load: not retryable", {start, fail(corrupt)}, phase::parked, act::park{}},
        {"read: not retryable", {start, load, fail(corrupt)}, phase::parked, act::park{}},
        {"advance: not retryable",
         {start, load, bring, persist, fail(corrupt)},
         phase::parked,
         act::park{}},
        {"another log parks", {start, load_of(other_log)}, phase::parked, act::park{}},
        {"a log from a time before parks", {start, load_of_earlier}, phase::parked, act::park{}},
        {"and is looked at again on order",
         {start, load_of(other_log), resume, wait},
         phase::loading,
         act::load{}},
    });
}

TEST_CASE("relay fsm: another relay that moved the checkpoint is followed, not overwritten") {
    check({
        {"stale: pause",
         {start, load, bring, persist, fail(stale)},
         phase::backing_off,
         act::back_off{1}},
        {"then the checkpoint is loaded anew",
         {start, load, bring, persist, fail(stale), wait},
         phase::loading,
         act::load{}},
    });
}

TEST_CASE("relay fsm: while another relay holds the lease it stands by, and looks again") {
    check({
        {"at the start", {start, yield}, phase::standing_by, act::stand_by{}},
        {"it looks again", {start, yield, wait}, phase::loading, act::load{}},
        {"and takes over", {start, yield, wait, load}, phase::reading, act::read{pos(10)}},
        {"its lease went while it published",
         {start, load, bring, persist, yield},
         phase::standing_by,
         act::stand_by{}},
        {"nothing of the page is published then",
         {start, load, bring, persist, yield, wait, load},
         phase::reading,
         act::read{pos(10)}},
        {"while it waited for events",
         {start, load, bring_nothing, yield},
         phase::standing_by,
         act::stand_by{}},
        {"a stop ends it", {start, yield, stop, wait}, phase::stopped, act::stop{}},
        {"a stop that came before", {start, stop, yield}, phase::stopped, act::stop{}},
    });
}

TEST_CASE("relay fsm: stop decides what is in flight and begins nothing") {
    check({
        {"before the load", {stop, start}, phase::stopped, act::stop{}},
        {"while reading", {start, load, stop, bring}, phase::stopped, act::stop{}},
        {"while publishing: the checkpoint moves first",
         {start, load, bring, stop, persist},
         phase::advancing,
         moving(10, 13)},
        {"then it ends", {start, load, bring, stop, persist, advance}, phase::stopped, act::stop{}},
        {"nothing persisted: it ends",
         {start, load, bring, stop, report({no, no, no})},
         phase::stopped,
         act::stop{}},
        {"refused: it ends",
         {start, load, bring, stop, report({never, no, no})},
         phase::stopped,
         act::stop{}},
        {"fatal: it ends",
         {start, load, bring, stop, report({broken, no, no})},
         phase::stopped,
         act::stop{}},
        {"while idle", {start, load, bring_nothing, stop, wait}, phase::stopped, act::stop{}},
        {"while backing off", {start, fail(unavailable), stop, wait}, phase::stopped, act::stop{}},
        {"while parked", {start, fail(corrupt), stop, wait}, phase::stopped, act::stop{}},
        {"while renewing",
         {start, load, bring, report({broken, no, no}), stop, renew},
         phase::stopped,
         act::stop{}},
        {"while the checkpoint cannot move",
         {start, load, bring, persist, stop, fail(unavailable)},
         phase::stopped,
         act::stop{}},
        {"loaded", {start, stop, load}, phase::stopped, act::stop{}},
    });
}

TEST_CASE("relay fsm: a park says what was refused and why") {
    relay_fsm fsm;
    auto last = start(fsm);
    for (const auto& each : {load, bring}) last = each(fsm);
    last = fsm.reported({{yes, {}}, {never, "message too large"}, {yes, {}}});
    last = fsm.advanced();
    const auto reason = std::get<act::park>(last).reason;
    CHECK(reason.find("position 12") != std::string::npos);
    CHECK(reason.find("key b") != std::string::npos);
    CHECK(reason.find("message too large") != std::string::npos);
}

TEST_CASE("relay fsm: it counts what it publishes again") {
    relay_fsm fsm;
    for (const auto& each : {start, load, bring, report({yes, no, yes}), advance, wait}) each(fsm);
    CHECK(fsm.repeated() == 1);
}

TEST_CASE("relay fsm: while more follows, the checkpoint moves with many events") {
    relay_fsm fsm{4};
    std::ignore = fsm.start();
    CHECK(load(fsm) == act::any{act::read{pos(10)}});
    CHECK(bring(fsm) == act::any{sending({11, 12, 13})});
    CHECK(persist(fsm) == act::any{act::read{pos(13)}});
    CHECK(fsm.reached() == pos(13));
    CHECK(fsm.at() == at(10));
    SUBCASE("so many are enough") {
        CHECK(fsm.arrived({entry(14, "a")}, pos(14)) == act::any{sending({14})});
        CHECK(fsm.reported(all_of({yes})) == act::any{moving(10, 14)});
        CHECK(fsm.advanced() == act::any{act::read{pos(14)}});
    }
    SUBCASE("nothing more comes: it waits, and moves when it is asked to") {
        CHECK(fsm.arrived({}, pos(13)) == act::any{act::idle{}});
        CHECK(fsm.has_unsaved());
        fsm.save_soon();
        CHECK(fsm.waited() == act::any{act::read{pos(13)}});
        CHECK(fsm.arrived({}, pos(13)) == act::any{moving(10, 13)});
        CHECK(fsm.advanced() == act::any{act::idle{}});
        CHECK_FALSE(fsm.has_unsaved());
        CHECK(fsm.waited() == act::any{act::read{pos(13)}});
    }
    SUBCASE("it is told to stop while it waits: it moves first") {
        CHECK(fsm.arrived({}, pos(13)) == act::any{act::idle{}});
        fsm.stop();
        CHECK(fsm.waited() == act::any{moving(10, 13)});
        CHECK(fsm.advanced() == act::any{act::stop{}});
    }
    SUBCASE("events that are left out are passed by") {
        CHECK(fsm.arrived({unwanted(14)}, pos(15)) == act::any{moving(10, 15)});
    }
    SUBCASE("before it waits for trouble") {
        CHECK(fsm.arrived({entry(14, "a"), entry(15, "a")}, pos(15)) ==
              act::any{sending({14, 15})});
        CHECK(fsm.reported(all_of({no, yes})) == act::any{moving(10, 13)});
        CHECK(fsm.advanced() == act::any{act::back_off{1}});
        CHECK(fsm.waited() == act::any{sending({14, 15})});
    }
    SUBCASE("when it is asked to") {
        fsm.save_soon();
        CHECK(fsm.arrived({entry(14, "a")}, pos(14)) == act::any{sending({14})});
        CHECK(fsm.reported(all_of({yes})) == act::any{moving(10, 14)});
    }
    SUBCASE("before it stops") {
        fsm.stop();
        CHECK(fsm.arrived({entry(14, "a")}, pos(14)) == act::any{moving(10, 13)});
        CHECK(fsm.advanced() == act::any{act::stop{}});
    }
    SUBCASE("another relay has it: what was not behind the checkpoint is read again") {
        fsm.save_soon();
        CHECK(fsm.arrived({}, pos(13)) == act::any{moving(10, 13)});
        CHECK(fsm.held_elsewhere() == act::any{act::stand_by{}});
        CHECK(fsm.waited() == act::any{act::load{}});
        CHECK(load(fsm) == act::any{act::read{pos(10)}});
    }
}
