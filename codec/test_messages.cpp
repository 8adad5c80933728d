#include "tidemark/codec/test_messages.hpp"

#include <limits>
#include <stdexcept>

namespace shop {

email::email(std::string text) : text_{std::move(text)} {
    if (text_.find('@') == std::string::npos) {
        throw std::invalid_argument{"an email address has an @, \"" + text_ + "\" has none"};
    }
}

everything full() {
    everything value;
    value.flag = true;
    value.tiny = -128;
    value.octet = 255;
    value.big = std::numeric_limits<std::int64_t>::min();
    value.huge = std::numeric_limits<std::uint64_t>::max();
    value.real = 0.1;
    value.narrow = 1.5F;
    value.text = "Zo\xC3\xAB \"\\\n";
    value.colour = colour::green;
    value.maybe = 7;
    value.lines = {line{sku{"a"}, 1}, line{sku{"b"}, -2}};
    value.three = {1, 2, 3};
    value.prices = {{"tea", money{250}}, {"a b", money{-1}}};
    value.what = order::noted{"hi"};
    value.at = tidemark::instant{tidemark::duration{1'714'555'800'123'456}};
    value.wait = tidemark::duration{1'500'000};
    value.patience = std::chrono::minutes{2};
    value.order_id = "o-1";
    value.stream = tidemark::stream_id{"order", "o-1"};
    value.message = *tidemark::message_id::parse("018f3a2b-0000-7000-8000-0000000000ff");
    value.version = tidemark::version{9};
    value.cost = money{9'007'199'254'740'993};
    value.article = sku{"x"};
    return value;
}

std::string full_payload() {
    return R"({"flag":true,"tiny":-128,"octet":255,"big":-9223372036854775808,)"
           R"("huge":18446744073709551615,"real":0.1,"narrow":1.5,"text":"Zoë \"\\\n",)"
           R"("colour":"green","maybe":7,"lines":[{"sku":"a","qty":1},{"sku":"b","qty":-2}],)"
           R"("three":[1,2,3],"prices":{"a b":-1,"tea":250},)"
           R"("what":{"order.noted.v1":{"text":"hi"}},"at":"2024-05-01T09:30:00.123456Z",)"
           R"("wait":1500000,"patience":120000000,"order_id":"o-1","stream":"order-o-1",)"
           R"("message":"018f3a2b-0000-7000-8000-0000000000ff","version":9,)"
           R"("cost":9007199254740993,"article":"x"})";
}

}  // namespace shop
