#include "tidemark/eventstore/read_model.hpp"
#include "tidemark/eventstore/contract.hpp"

#include <doctest/doctest.h>

#include <stdexcept>

namespace tidemark::testing {
namespace {

document doc(std::string key, std::string body, std::string owner) {
    return {
        .key = std::move(key), .body = std::move(body), .indexes = {{"owner", std::move(owner)}}};
}

checkpoint at(contract_store& c, std::uint64_t p) {
    return {.position = position{p}, .incarnation = run(c.store().status())->incarnation};
}

result<void> update(contract_store& c, std::uint64_t from, std::uint64_t to,
                    std::function<void(read_model&)> change, const std::string& name = "m.v1") {
    return run(c.store().update(name, at(c, from), at(c, to), std::move(change)));
}

std::vector<std::string> keys(contract_store& c, document_query query) {
    std::vector<std::string> found;
    const auto page = run(c.store().query("m.v1", std::move(query))).value();
    for (const auto& one : page) {
        found.push_back(one.key);
    }
    return found;
}

using key_list = std::vector<std::string>;

}  // namespace

TEST_CASE("read model: documents and checkpoint move together") {
    for_each_backend([](contract_store& c) {
        auto& store = c.store();
        CHECK(*run(store.load_checkpoint("m.v1")) == at(c, 0));
        REQUIRE(update(c, 0, 7, [](read_model& m) { m.put(doc("a", "{\"n\":1}", "ada")); }));
        CHECK(*run(store.load_checkpoint("m.v1")) == at(c, 7));
        CHECK(run(store.find_document("m.v1", "a"))->value() == doc("a", "{\"n\":1}", "ada"));
        CHECK(!run(store.find_document("m.v1", "b"))->has_value());
        CHECK(!run(store.find_document("other", "a"))->has_value());
        REQUIRE(update(c, 7, 9, nullptr));
        CHECK(*run(store.load_checkpoint("m.v1")) == at(c, 9));
    });
}

TEST_CASE("read model: a checkpoint that somebody moved is stale, and nothing is written") {
    for_each_backend([](contract_store& c) {
        REQUIRE(update(c, 0, 5, nullptr));
        const auto late = update(c, 0, 3, [](read_model& m) { m.put(doc("a", "x", "o")); });
        REQUIRE(!late);
        CHECK(late.error().code() == errc::stale);
        auto foreign = at(c, 5);
        foreign.incarnation = next_id();
        CHECK(run(c.store().update("m.v1", foreign, at(c, 6), nullptr)).error().code() ==
              errc::stale);
        CHECK(*run(c.store().load_checkpoint("m.v1")) == at(c, 5));
        CHECK(!run(c.store().find_document("m.v1", "a"))->has_value());
    });
}

TEST_CASE("read model: a batch of many thousand documents reads its own writes") {
    constexpr int documents = 12'000;
    const auto key = [](int i) { return "k" + std::to_string(100'000 + i); };
    for_each_backend([&](contract_store& c) {
        REQUIRE(update(c, 0, 1, [&](read_model& m) {
            for (auto i = 0; i < documents; ++i) m.put(doc(key(i), "{}", "ada"));
            // One early and one late, changed after thousands of others were written.
            m.put(doc(key(3), "{\"n\":1}", "bob"));
            CHECK(m.get(key(3)) == doc(key(3), "{\"n\":1}", "bob"));
            m.erase(key(documents - 1));
            CHECK(!m.get(key(documents - 1)).has_value());
            const auto found = m.find("owner", "ada", 5);
            REQUIRE(found.size() == 5);
            CHECK(found[3].key == key(4));
            m.put(doc(key(3), "{\"n\":2}", "ada"));
            CHECK(m.find("owner", "bob", 5).empty());
        }));
        const auto listed = *run(c.store().list_models());
        REQUIRE(listed.size() == 1);
        CHECK(listed[0].documents == documents - 1);
        CHECK(keys(c, {.index = "owner", .value = "ada", .after_key = key(2), .limit = 2}) ==
              key_list{key(3), key(4)});
        REQUIRE(update(c, 1, 2, [&](read_model& m) {
            for (auto i = 0; i < documents; i += 2) m.erase(key(i));
        }));
        CHECK(run(c.store().list_models())->at(0).documents == documents / 2 - 1);
        CHECK(keys(c, {.limit = 2, .descending = true}) ==
              key_list{key(documents - 3), key(documents - 5)});
    });
}

TEST_CASE("read model: a throw undoes the batch and leaves the checkpoint") {
    for_each_backend([](contract_store& c) {
        REQUIRE(update(c, 0, 1, [](read_model& m) {
            m.put(doc("a", "first", "ada"));
            m.put(doc("b", "first", "ada"));
        }));
        const auto thrown = update(c, 1, 2, [](read_model& m) {
            m.put(doc("a", "second", "eve"));
            m.erase("b");
            m.put(doc("c", "second", "eve"));
            throw std::runtime_error{"no such account"};
        });
        REQUIRE(!thrown);
        CHECK(thrown.error().code() == errc::user_code_threw);
        CHECK(thrown.error().message().find("no such account") != std::string::npos);
        CHECK(*run(c.store().load_checkpoint("m.v1")) == at(c, 1));
        CHECK(keys(c, {}) == key_list{"a", "b"});
        CHECK(run(c.store().find_document("m.v1", "a"))->value().body == "first");
        CHECK(keys(c, {.index = "owner", .value = "eve"}).empty());
        CHECK(keys(c, {.index = "owner", .value = "ada"}) == key_list{"a", "b"});
        REQUIRE(update(c, 1, 2, [](read_model& m) { m.put(doc("c", "third", "eve")); }));
        CHECK(update(
                  c, 0, 2, [](read_model&) { throw 1; }, "fresh")
                  .error()
                  .code() == errc::user_code_threw);
        CHECK(run(c.store().list_models())->size() == 1);
    });
}

TEST_CASE("read model: a batch reads its own writes") {
    for_each_backend([](contract_store& c) {
        REQUIRE(update(c, 0, 1, [](read_model& m) {
            CHECK(!m.get("a").has_value());
            m.put(doc("a", "1", "ada"));
            CHECK(m.get("a")->body == "1");
            m.put(doc("a", "2", "eve"));
            CHECK(m.get("a")->body == "2");
            CHECK(m.find("owner", "ada", 10).empty());
            m.put(doc("b", "3", "eve"));
            const auto found = m.find("owner", "eve", 10);
            REQUIRE(found.size() == 2);
            CHECK(found[0] == doc("a", "2", "eve"));
            CHECK(m.find("owner", "eve", 1).size() == 1);
            m.erase("a");
            m.erase("never there");
            CHECK(!m.get("a").has_value());
            CHECK(m.find("owner", "eve", 10).size() == 1);
        }));
    });
}

TEST_CASE("read model: documents without an index value are found by key alone") {
    for_each_backend([](contract_store& c) {
        REQUIRE(update(c, 0, 1, [](read_model& m) {
            m.put({.key = "", .body = "empty key", .indexes = {}});
            m.put({.key = "two", .body = "b", .indexes = {{"owner", ""}, {"state", "open"}}});
        }));
        CHECK(run(c.store().find_document("m.v1", ""))->value().body == "empty key");
        CHECK(keys(c, {.index = "owner", .value = ""}) == key_list{"two"});
        CHECK(keys(c, {.index = "state", .value = "open"}) == key_list{"two"});
        CHECK(run(c.store().find_document("m.v1", "two"))->value().indexes.size() == 2);
    });
}

TEST_CASE("query: pages forwards and backwards, all or by index") {
    for_each_backend([](contract_store& c) {
        REQUIRE(update(c, 0, 1, [](read_model& m) {
            for (const auto* key : {"d", "a", "c", "b", "e"}) {
                m.put(doc(key, "x", *key == 'c' ? "eve" : "ada"));
            }
        }));
        CHECK(keys(c, {.limit = 2}) == key_list{"a", "b"});
        CHECK(keys(c, {.after_key = "b", .limit = 2}) == key_list{"c", "d"});
        CHECK(keys(c, {.after_key = "bb"}) == key_list{"c", "d", "e"});
        CHECK(keys(c, {.limit = 2, .descending = true}) == key_list{"e", "d"});
        CHECK(keys(c, {.after_key = "d", .descending = true}) == key_list{"c", "b", "a"});
        CHECK(keys(c, {.index = "owner", .value = "ada", .limit = 3}) == key_list{"a", "b", "d"});
        CHECK(keys(c, {.index = "owner", .value = "ada", .after_key = "b"}) == key_list{"d", "e"});
        CHECK(keys(c, {.index = "owner", .value = "ada", .after_key = "d", .descending = true}) ==
              key_list{"b", "a"});
        CHECK(keys(c, {.index = "owner", .value = "zoe"}).empty());
        CHECK(keys(c, {.index = "colour", .value = "ada"}).empty());
        CHECK(run(c.store().query("nothing", {}))->empty());
    });
}

TEST_CASE("swap: the model beside takes the place of the live one") {
    for_each_backend([](contract_store& c) {
        REQUIRE(update(c, 0, 5, [](read_model& m) { m.put(doc("old", "x", "ada")); }));
        REQUIRE(update(c, 0, 4, [](read_model& m) { m.put(doc("fresh", "y", "eve")); }, "m.v2"));
        const auto early = run(c.store().swap("m.v1", "m.v2"));
        REQUIRE(!early);
        CHECK(early.error().code() == errc::stale);
        CHECK(keys(c, {}) == key_list{"old"});
        REQUIRE(update(c, 4, 5, nullptr, "m.v2"));
        REQUIRE(run(c.store().swap("m.v1", "m.v2")));
        CHECK(keys(c, {}) == key_list{"fresh"});
        CHECK(keys(c, {.index = "owner", .value = "eve"}) == key_list{"fresh"});
        CHECK(keys(c, {.index = "owner", .value = "ada"}).empty());
        CHECK(*run(c.store().load_checkpoint("m.v1")) == at(c, 5));
        CHECK(*run(c.store().load_checkpoint("m.v2")) == at(c, 0));
        CHECK(run(c.store().query("m.v2", {}))->empty());
    });
}

TEST_CASE("erase_model: collection and checkpoint are forgotten") {
    for_each_backend([](contract_store& c) {
        REQUIRE(update(c, 0, 5, [](read_model& m) { m.put(doc("a", "x", "ada")); }));
        REQUIRE(update(c, 0, 2, nullptr, "relay"));
        auto models = *run(c.store().list_models());
        REQUIRE(models.size() == 2);
        CHECK(models[0].name == "m.v1");
        CHECK(models[0].position == position{5});
        CHECK(models[0].documents == 1);
        CHECK(models[1].documents == 0);
        REQUIRE(run(c.store().erase_model("m.v1")));
        REQUIRE(run(c.store().erase_model("never there")));
        CHECK(keys(c, {}).empty());
        CHECK(*run(c.store().load_checkpoint("m.v1")) == at(c, 0));
        CHECK(run(c.store().list_models())->size() == 1);
        REQUIRE(update(c, 0, 1, [](read_model& m) { CHECK(!m.get("a").has_value()); }));
    });
}

TEST_CASE("read model: a collection beside is written in the same transaction, or not at all") {
    for_each_backend([](contract_store& c) {
        const auto put_both = [&](const std::string& value, bool is_thrown) {
            return update(c, 0, 0, [=](read_model& rows) {
                rows.prefetch({"k", "none"});
                auto& other = rows.beside("m.v1.other");
                other.prefetch({"k", "none"});
                const auto known = other.get("k");
                CHECK(!other.get("none").has_value());
                rows.put(doc("k", value, "ada"));
                other.put(doc("k", (known ? known->body : "") + value, "bob"));
                CHECK(&rows.beside("m.v1.other") == &other);
                CHECK(other.find("owner", "bob", 10).size() == 1);
                CHECK(rows.find("owner", "bob", 10).empty());
                if (is_thrown) throw std::runtime_error{"no"};
            });
        };
        auto& store = c.store();
        CHECK(put_both("1", true).error().code() == errc::user_code_threw);
        CHECK(run(store.list_models())->empty());
        REQUIRE(put_both("1", false));
        REQUIRE(put_both("2", false));
        CHECK(put_both("3", true).has_error());
        CHECK(run(store.find_document("m.v1", "k"))->value().body == "2");
        CHECK(run(store.find_document("m.v1.other", "k"))->value().body == "12");
        const auto all = run(store.list_models()).value();
        REQUIRE(all.size() == 2);
        CHECK(all[1].name == "m.v1.other");
        CHECK(all[1].documents == 1);
        CHECK(*run(store.load_checkpoint("m.v1.other")) == at(c, 0));
    });
}

}  // namespace tidemark::testing
