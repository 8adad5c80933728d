#include "tidemark/codec/golden.hpp"

#include "tidemark/codec/json_text.hpp"

#include <fstream>

namespace tidemark {

golden::golden(const std::string& path) : path_{path} { read(path); }

void golden::read(const std::string& path) {
    std::ifstream file{path};
    if (!file) return fail("the file cannot be read");
    std::string text;
    for (std::size_t number = 1; std::getline(file, text); ++number) {
        if (text.empty() || text.front() == '#') continue;
        const auto tab = text.find('\t');
        if (tab == std::string::npos) {
            fail("line " + std::to_string(number) +
                 " is not \"stored name TAB payload\": " + json_text::excerpt(text));
            continue;
        }
        lines_.push_back({number, {text.substr(0, tab), text.substr(tab + 1)}});
    }
}

void golden::fail(std::string sentence) { mistakes_.push_back(path_ + ": " + sentence); }

bool golden::check_line(const encoded_message& written) {
    const auto found = std::ranges::find(lines_, written, &line::message);
    if (found != lines_.end()) {
        found->is_used = true;
        return true;
    }
    std::string sentence = written.name + " is now written as " + written.payload;
    const auto same_name = [&](const line& it) { return it.message.name == written.name; };
    if (std::ranges::none_of(lines_, same_name)) {
        fail(sentence + ", and has no golden line. Add it: the bytes stored from now on");
    } else {
        fail(sentence +
             ", which is none of its golden lines. Stored bytes never change: "
             "give the changed message the next version and an upcast from this one");
    }
    return false;
}

std::vector<std::string> golden::take_payloads(std::string_view name) {
    std::vector<std::string> payloads;
    for (auto& it : lines_) {
        if (it.message.name != name) continue;
        it.is_used = true;
        payloads.push_back(it.message.payload);
    }
    if (payloads.empty()) fail(std::string{name} + " has no golden line");
    return payloads;
}

std::vector<std::string> golden::mistakes() const {
    auto all = mistakes_;
    for (const auto& it : lines_) {
        if (it.is_used) continue;
        all.push_back(path_ + ":" + std::to_string(it.number) + ": no check has used " +
                      it.message.name);
    }
    return all;
}

}  // namespace tidemark
