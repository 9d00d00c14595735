using Shouldly;
using Xunit;

namespace Reports.ApiTests;

/// <summary>What a caller may say of the trace that a request belongs to (W3C Trace Context), and what not.</summary>
public sealed class TraceContextTests(ReportsApp app)
{
    private const string Trace = "0af7651916cd43dd8448eb211c80319c";
    private const string Zeros = "00000000000000000000000000000000";

    [Fact]
    public async Task the_trace_of_the_caller_is_the_correlation_id_of_the_events()
    {
        var (correlation, requestId) = await AskAsync($"00-{Trace}-b7ad6b7169203331-01");

        correlation.ShouldBe(Trace);
        requestId.ShouldNotBe(Trace);
    }

    [Theory]
    [InlineData("anything else")]
    [InlineData("00-" + Zeros + "-b7ad6b7169203331-01")]
    [InlineData("00-" + Trace + "-0000000000000000-01")]
    [InlineData("00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01")]
    [InlineData("00-" + Trace + "-b7ad6b7169203331")]
    [InlineData("ff-" + Trace + "-b7ad6b7169203331-01")]
    [InlineData("00-0af7651916cd43dd-b7ad6b7169203331-01")]
    [InlineData("|root.1.2.")]
    public async Task a_trace_that_is_none_is_ignored(string traceparent)
    {
        var (correlation, requestId) = await AskAsync(traceparent);

        correlation.ToLowerInvariant().ShouldNotBe(Trace);
        correlation.ShouldMatch("^[0-9a-f]{32}$");
        correlation.ShouldNotBe(Zeros);
        requestId.ShouldMatch("^[0-9a-f]{32}$");
    }

    [Fact]
    public async Task no_caller_chooses_a_request_id()
    {
        using var client = new HttpClient { BaseAddress = app.Address };
        client.DefaultRequestHeaders.Add("X-Request-Id", Trace);
        client.DefaultRequestHeaders.Add("Request-Id", Trace);

        using var answer = await client.GetAsync(new Uri("/health/live", UriKind.Relative));

        answer.Headers.GetValues("X-Request-Id").Single().ShouldNotBe(Trace);
    }

    private async Task<(string Correlation, string RequestId)> AskAsync(string traceparent)
    {
        var answer = await RawHttp.SendAsync(
            app.Address,
            $"GET {TestMerchant.List}{Guid.CreateVersion7()}/download/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" +
            $"traceparent: {traceparent}\r\ntracestate: a=b\r\n\r\n");
        await using var command = app.Database.CreateCommand(
            "select correlation_id, data ->> 'request_id' from events.mt_events where stream_id = $1 order by version");
        command.Parameters.AddWithValue(Guid.Parse(answer.Header("Download-Id")!));
        await using var reader = await command.ExecuteReaderAsync();
        (await reader.ReadAsync()).ShouldBeTrue();
        var requestId = answer.Header("X-Request-Id").ShouldNotBeNull();
        reader.GetString(1).ShouldBe(requestId);
        return (reader.GetString(0), requestId);
    }
}
