// HttpQueue against the stand-in for the Bank: requests side by side, answers in the order of adding.
#include "core/http.h"

#include "bank.h"
#include "expectations.h"

#include <algorithm>

namespace cbr {
namespace {

TEST(HttpQueue, AnswersInTheOrderOfAddingEvenIfTheFirstIsTheSlowest)
{
    HttpSession session;
    HttpQueue queue(session, patient(), 3);
    const std::string prefix = new_prefix();
    const std::vector<std::string> urls{document_url(prefix + "/fault/latency-300"),
                                        document_url(prefix + "/form/utf8"), document_url(prefix + "/form/classic")};
    for (const std::string &url : urls)
        queue.add(url);
    for (const std::string &url : urls)
        EXPECT_EQ(queue.next(never_stop).url, url);
    EXPECT_TRUE(queue.empty());
}

TEST(HttpQueue, UsesNoMoreConnectionsThanItMay)
{
    HttpSession session;
    HttpQueue queue(session, patient(), 2);
    const std::string prefix = new_prefix();
    for (int i = 0; i < 6; ++i)
        queue.add(document_url(prefix + "/fault/latency-50"));
    while (!queue.empty())
        queue.next(never_stop);
    std::vector<int> connections = connections_that_asked(prefix);
    EXPECT_EQ(connections.size(), 6u);
    std::sort(connections.begin(), connections.end());
    EXPECT_EQ(std::unique(connections.begin(), connections.end()) - connections.begin(), 2);
}

TEST(HttpQueue, FailureIsThrownAtItsTurnAndTheLaterAnswersCome)
{
    HttpSession session;
    HttpQueue queue(session, patient(), 2);
    const std::string prefix = new_prefix();
    queue.add(document_url(prefix));
    queue.add(document_url(prefix + "/fault/status-404"));
    queue.add(document_url(prefix));
    EXPECT_EQ(queue.next(never_stop).status, 200);
    EXPECT_EQ(error_of([&] { queue.next(never_stop); }).kind, ErrorKind::protocol);
    EXPECT_EQ(queue.next(never_stop).status, 200);
}

TEST(HttpQueue, WhatIsUnderWayCanBeGivenUp)
{
    HttpSession session;
    const std::string prefix = new_prefix();
    {
        HttpQueue queue(session, patient(), 2);
        queue.add(document_url(prefix + "/fault/hang"));
        queue.add(document_url(prefix + "/fault/hang-body"));
        StopAfterRequest stop("hang-body", 3);
        EXPECT_EQ(error_of([&] { queue.next(StopAfterRequest::should_stop); }).kind, ErrorKind::interrupted);
    }
    EXPECT_EQ(session.get(document_url(prefix), patient(), never_stop).status, 200);
}

// For ever where progress() does not start what may start: the second request, on the first's connection.
TEST(HttpQueue, ProgressMovesOnWithoutAnybodyWaiting)
{
    HttpSession session;
    HttpQueue queue(session, patient(), 1);
    const std::string prefix = new_prefix();
    queue.add(document_url(prefix));
    queue.add(document_url(prefix));
    while (targets_that_were_asked(prefix).size() < 2)
        queue.progress();
    EXPECT_EQ(queue.next(never_stop).status, 200);
    EXPECT_EQ(queue.next(never_stop).status, 200);
}

TEST(HttpQueue, PauseOfOneRequestDoesNotHoldUpTheOthers)
{
    HttpSession session;
    HttpOptions options = patient();
    options.retries = 1;
    HttpQueue queue(session, options, 1);
    const std::string prefix = new_prefix();
    const std::string paused = prefix + "/fault/busy-once" + prefix, other = prefix + "/form/utf8";
    queue.add(document_url(paused)); // answered with Retry-After: 1
    queue.add(document_url(other));
    EXPECT_EQ(queue.next(never_stop).url, document_url(paused));
    EXPECT_EQ(queue.next(never_stop).url, document_url(other));
    const std::vector<std::string> targets = targets_that_were_asked(prefix);
    ASSERT_EQ(targets.size(), 3u);
    EXPECT_TRUE(contains(targets[0], paused)) << targets[0];
    EXPECT_TRUE(contains(targets[1], other)) << targets[1];
    EXPECT_TRUE(contains(targets[2], paused)) << targets[2];
}

} // namespace
} // namespace cbr
