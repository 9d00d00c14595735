using Reports.Contracts;
using Reports.Contracts.Events;
using Reports.Delivery;
using Shouldly;
using Xunit;

namespace Reports.UnitTests.Delivery;

public sealed class DownloadPolicyTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 23, 9, 0, 0, TimeSpan.Zero);

    private static readonly DownloadInputs Valid = new(
        DownloadPolicy.Version, Now.AddTicks(1), 7, 7, Now, DownloadSelection.Full, 89_999, 24, IsPermitted: true,
        AreRequestsLeft: true, ReportExpiresAt: Now.AddDays(1), AreDownloadsLeft: true);

    private static readonly DownloadInputs Unknown = Valid with
    {
        ReportExpiresAt = null, Selection = null, DownloadsLeft = null, AreDownloadsLeft = null,
    };

    private static readonly DownloadInputs Nobody = new(
        DownloadPolicy.Version, Now.AddDays(-1), 7, null, Now, Refusal: CredentialRefusal.Invalid);

    /// <summary>
    /// Every answer of the contract's table, with its cause in a word. Each refuses what all checks after it would
    /// refuse as well: so the order of the checks is tested too.
    /// </summary>
    public static TheoryData<string, LocatorKind, DownloadInputs, int, string?, string> Table()
    {
        var late = Valid with { ReportExpiresAt = Now.AddDays(-1) };
        var inputs = new[]
        {
            (Is(Valid), 200, null, "given"),
            (Is(Valid with { Selection = DownloadSelection.Partial }), 206, null, "given"),
            (Is(Valid with { Selection = DownloadSelection.NotModified }), 304, null, "given"),
            (Is(Valid with { TokenExpiresAt = null, TokenPrincipal = null }, LocatorKind.EncryptedId), 200, null, "given"),
            (Is(late with { IsHeld = true }), 200, null, "given"),
            (Is(Nobody with { CallerPrincipal = 7, Refusal = null, Obstacle = DownloadObstacle.LookUp, Unfit = UnfitRequest.Method }),
                503, "unavailable", "look_up_failed"),
            (Is(Nobody with { Obstacle = DownloadObstacle.Busy }), 503, "unavailable", "password_checks_busy"),
            (Is(Nobody with { Unfit = UnfitRequest.Method }), 405, "method_not_allowed", "method_not_taken"),
            (Is(Nobody with { Unfit = UnfitRequest.Length }), 400, "invalid_parameters", "length_contradictory"),
            (Is(Nobody with { Unfit = UnfitRequest.Body }), 413, "payload_too_large", "body_too_large"),
            (Is(Nobody), 401, "unauthorized", "credential_invalid"),
            (Is(Nobody with { Refusal = CredentialRefusal.TooManyFailures }), 429, "rate_limited", "failures_used_up"),
            (Is(Unknown with { AreRequestsLeft = false }, LocatorKind.Malformed), 429, "rate_limited", "requests_used_up"),
            (Is(Unknown with { IsPermitted = false }, LocatorKind.Malformed), 403, "forbidden", "permission_missing"),
            (Is(Unknown, LocatorKind.Malformed), 400, "invalid_parameters", "locator_malformed"),
            (Is(Unknown with { TokenPrincipal = 8, TokenExpiresAt = Now.AddDays(-1) }), 404, "not_found", "report_unknown"),
            (Is(Unknown, LocatorKind.EncryptedId), 404, "not_found", "report_unknown"),
            (Is(late with { TokenPrincipal = 8, TokenExpiresAt = Now.AddDays(-1) }), 403, "forbidden", "token_foreign"),
            (Is(late with { TokenExpiresAt = Now }), 410, "token_expired", "token_expired"),
            (Is(late with { IsHeld = true, IsReportExpired = true, Finding = "missing" }), 410, "report_expired", "report_expired"),
            (Is(Valid with { ReportExpiresAt = Now, Finding = "missing" }), 410, "report_expired", "report_expired"),
            (Is(Valid with { Finding = "altered", AreDownloadsLeft = false }), 503, "unavailable", "file_not_as_recorded"),
            (Is(Valid with { Obstacle = DownloadObstacle.Quota, AreDownloadsLeft = null }), 503, "unavailable", "quota_unknown"),
            (Is(Valid with { AreDownloadsLeft = false, Selection = DownloadSelection.PreconditionFailed }),
                429, "rate_limited", "downloads_used_up"),
            (Is(Valid with { Selection = DownloadSelection.PreconditionFailed }), 412, "precondition_failed", "precondition_failed"),
            (Is(Valid with { Selection = DownloadSelection.RangeNotSatisfiable }), 416, "range_not_satisfiable", "range_not_satisfiable"),
        };
        var table = new TheoryData<string, LocatorKind, DownloadInputs, int, string?, string>();
        foreach (var ((locator, given), status, code, ruling) in inputs)
        {
            table.Add($"{status} {ruling} {given.Selection}", locator, given, status, code, ruling);
        }

        return table;
    }

    [Theory]
    [MemberData(nameof(Table), DisableDiscoveryEnumeration = true)]
    public void every_answer_follows_from_the_inputs(
        string name, LocatorKind locator, DownloadInputs inputs, int status, string? code, string ruling)
    {
        var explained = DownloadExplanation.Of(Attempt(locator, inputs), End(status, code), Events(inputs));

        explained.ShouldSatisfyAllConditions(
            name,
            () => explained.Ruling.ShouldBe(ruling),
            () => explained.Recomputed.ShouldBe(new DownloadAnswer(status, code)),
            () => explained.IsAsRecorded.ShouldBe(true),
            () => explained.IsByEvents.ShouldBe(true));
    }

    [Fact]
    public void the_table_has_every_ruling_but_those_that_no_decision_makes()
    {
        var tested = Table().Select(row => row.Data.Item6).ToHashSet();

        Enum.GetValues<DownloadRuling>().Select(r => r.Word()).Where(r => !tested.Contains(r))
            .ShouldBe(["lease_lapsed", "store_refused"]);
    }

    [Fact]
    public void under_not_found_only_whatever_does_not_open_the_report_is_unknown()
    {
        foreach (var row in Table().Select(row => row.Data))
        {
            var isHidden = row.Item6 is "locator_malformed" or "token_foreign" or "token_expired";
            var explained = DownloadExplanation.Of(
                Attempt(row.Item2, row.Item3 with { IsNotFoundOnly = true }), null, Events(row.Item3));

            explained.Recomputed.ShouldBe(isHidden ? new(404, "not_found") : new(row.Item4, row.Item5));
            explained.Ruling.ShouldBe(row.Item6);
        }
    }

    [Fact]
    public void what_could_not_be_recorded_was_refused_whatever_was_decided()
    {
        var end = (ReportDownloadFailed)End(503, "unavailable");

        Explain(end with { Obstacle = DownloadObstacle.Lease }).Ruling.ShouldBe("lease_lapsed");
        Explain(end with { Obstacle = DownloadObstacle.EventStore }).Ruling.ShouldBe("store_refused");
        Explain(end with { Obstacle = DownloadObstacle.EventStore }).IsAsRecorded.ShouldBe(true);
        Explain(end).IsAsRecorded.ShouldBe(false);
    }

    [Fact]
    public void the_answer_to_a_download_that_was_cut_had_no_code()
    {
        var cut = (ReportDownloadFailed)End(200, "client_closed");

        Explain(cut with { Outcome = DownloadFailure.Aborted }).IsAsRecorded.ShouldBe(true);
        Explain(cut with { Outcome = DownloadFailure.Interrupted, Status = null }).IsAsRecorded.ShouldBeNull();
        Explain(null).IsAsRecorded.ShouldBeNull();
    }

    [Fact]
    public void a_report_whose_events_say_something_else_than_the_inputs_is_told()
    {
        object[] expired = [.. Events(Valid), new ReportExpired(Guid.Empty, Guid.Empty, Actor.Service, Now)];

        var explained = DownloadExplanation.Of(Attempt(LocatorKind.Token, Valid), End(200, null), expired);

        (explained.IsAsRecorded, explained.IsByEvents).ShouldBe((true, false));
        explained.ByEvents.ShouldBe(new DownloadAnswer(410, "report_expired"));
    }

    [Theory]
    [InlineData(3)]
    [InlineData(5)]
    public void what_was_decided_by_other_rules_is_not_recomputed(int version)
    {
        var explained = DownloadExplanation.Of(
            Attempt(LocatorKind.Token, Valid with { PolicyVersion = version }), End(200, null), Events(Valid));

        (explained.IsRecomputable, explained.Recomputed).ShouldBe((false, null));
        explained.Recorded.ShouldBe(new DownloadAnswer(200, null));
        explained.Lacks.ShouldContain(version == 3 ? "finding" : "rules of this version");
    }

    [Fact]
    public void a_download_that_was_given_without_saying_what_of_it_is_not_recomputed() =>
        DownloadExplanation.Of(Attempt(LocatorKind.Token, Valid with { Selection = null }), null, Events(Valid))
            .Lacks.ShouldBe(["selection"]);

    [Fact]
    public void the_explanation_is_json_for_the_audit()
    {
        var json = DeliveryModule.ExplainDownload(
            Attempt(LocatorKind.Token, Valid with { TokenExpiresAt = Now }), End(410, "token_expired"), Events(Valid));

        json.ToJsonString().ShouldBe(
            """
            {"policy_version":4,"is_recomputable":true,"lacks":[],"ruling":"token_expired","recomputed":{"status":410,"code":"token_expired"},"recorded":{"status":410,"code":"token_expired"},"is_as_recorded":true,"by_events":{"status":410,"code":"token_expired"},"is_by_events":true}
            """);
    }

    private static DownloadExplanation Explain(object? end) =>
        DownloadExplanation.Of(Attempt(LocatorKind.Token, Valid), end, Events(Valid));

    private static (LocatorKind, DownloadInputs) Is(DownloadInputs inputs, LocatorKind locator = LocatorKind.Token) =>
        (locator, inputs);

    private static DownloadAttempted Attempt(LocatorKind locator, DownloadInputs inputs) => new(
        Guid.Empty, Guid.Empty, "GET", locator, "", inputs.ReportExpiresAt is null ? null : Guid.Empty, inputs, null, "",
        Actor.Anonymous, Now);

    private static object End(int status, string? code) => code is null
        ? new ReportDownloaded(Guid.Empty, Guid.Empty, DownloadOutcome.Complete, status, 0, 0, Actor.Anonymous, Now)
        : new ReportDownloadFailed(
            Guid.Empty, null, DownloadFailure.Refused, status, code, 0, 0, Actor.Anonymous, Now);

    private static IEnumerable<object> Events(DownloadInputs inputs)
    {
        if (inputs.ReportExpiresAt is not { } expiresAt)
        {
            yield break;
        }

        var report = ((ReportFinished)EventExamples.All(Guid.Empty)["report.finished.v1"]) with { ExpiresAt = expiresAt };
        yield return report;
        yield return new LegalHoldPlaced(Guid.Empty, "", Actor.Operator, Now);
        if (!inputs.IsHeld)
        {
            yield return new LegalHoldReleased(Guid.Empty, "", Actor.Operator, Now);
        }

        if (inputs.IsReportExpired)
        {
            yield return new ReportExpired(Guid.Empty, Guid.Empty, Actor.Service, Now);
        }
    }
}
