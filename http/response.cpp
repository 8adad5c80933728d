#include "tidemark/http/response.hpp"

namespace tidemark::http {

response json(int status, std::string body) {
    response out;
    out.status = status;
    out.content_type = "application/json";
    out.body = std::move(body);
    return out;
}

response text(int status, std::string body) {
    response out;
    out.status = status;
    out.content_type = "text/plain; charset=utf-8";
    out.body = std::move(body);
    return out;
}

response no_content() {
    response out;
    out.status = 204;
    return out;
}

response refuse(problem p) {
    response out;
    out.status = p.status;
    out.failure = std::move(p);
    return out;
}

response stream(event_producer producer) {
    response out;
    out.content_type = "text/event-stream";
    out.events = std::move(producer);
    return out;
}

}  // namespace tidemark::http
