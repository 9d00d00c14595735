using System.Collections.Frozen;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Reports.Contracts.Events;
using Reports.Delivery;
using Shouldly;
using Xunit;

namespace Reports.UnitTests.Delivery;

public sealed class DownloadDecisionTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 23, 9, 0, 0, TimeSpan.Zero);
    private static readonly Caller Merchant = Caller(principal: 7, tenant: Guid.CreateVersion7(), isUnrestricted: true);
    private static readonly DownloadTarget Valid = Token(7, Now.AddTicks(1));
    private static readonly StoredReport Found = new(
        Guid.CreateVersion7(), "r.csv", "csv", 1, [], Now.UtcDateTime, Now.UtcDateTime.AddDays(1), "k", 262144, [], false);

    [Fact]
    public void the_own_token_of_a_kept_report_is_honoured() => Decide(Merchant, Valid, Found).ShouldBeNull();

    [Fact]
    public void the_encrypted_id_is_honoured_for_every_principal_of_the_merchant() =>
        Decide(Merchant, new(LocatorKind.EncryptedId, null, Found.Id), Found).ShouldBeNull();

    [Fact]
    public void nobody_is_told_anything_but_that_he_is_nobody() =>
        Decide(null, Token(7, Now.AddDays(-1)), null).ShouldBe((401, "unauthorized"));

    [Fact]
    public void permission_comes_before_the_token()
    {
        Decide(Caller(7, Merchant.Tenant, false), new(LocatorKind.Malformed, null, null), null).ShouldBe((403, "forbidden"));
        Decide(Caller(7, null, false), Valid, Found).ShouldBe((403, "forbidden"));
        Decide(Caller(7, Merchant.Tenant, false, "report.can_view_report"), Valid, Found).ShouldBeNull();
    }

    [Fact]
    public void what_is_not_there_is_not_found_whatever_the_token_says()
    {
        Decide(Merchant, Token(7, Now.AddDays(-1)), null).ShouldBe((404, "not_found"));
        Decide(Merchant, Token(8, Now.AddDays(1)), null).ShouldBe((404, "not_found"));
        Decide(Merchant, new(LocatorKind.Token, null, null), null).ShouldBe((404, "not_found"));
        Decide(Merchant, new(LocatorKind.EncryptedId, null, null), null).ShouldBe((404, "not_found"));
    }

    [Fact]
    public void a_malformed_token_is_the_callers_error() =>
        Decide(Merchant, new(LocatorKind.Malformed, null, null), null).ShouldBe((400, "invalid_parameters"));

    [Fact]
    public void another_principals_token_is_forbidden_even_when_it_is_expired()
    {
        Decide(Merchant, Token(8, Now.AddDays(1)), Found).ShouldBe((403, "forbidden"));
        Decide(Merchant, Token(8, Now.AddDays(-1)), Found).ShouldBe((403, "forbidden"));
    }

    [Fact]
    public void a_token_ends_at_its_very_expiry() => Decide(Merchant, Token(7, Now), Found).ShouldBe((410, "token_expired"));

    [Fact]
    public void a_report_ends_at_its_very_expiry() =>
        Decide(Merchant, Valid, Found with { ExpiresAt = Now.UtcDateTime }).ShouldBe((410, "report_expired"));

    [Fact]
    public void a_held_report_outlives_its_expiry_until_it_has_expired()
    {
        var over = Found with { ExpiresAt = Now.UtcDateTime.AddDays(-1), IsHeld = true };

        Decide(Merchant, Valid, over).ShouldBeNull();
        Decide(Merchant, Token(7, Now), over).ShouldBe((410, "token_expired"));
        Decide(Merchant, Valid, over with { IsExpired = true }).ShouldBe((410, "report_expired"));
    }

    private static (int Status, string Code)? Decide(Caller? caller, DownloadTarget target, StoredReport? report) =>
        DownloadDecider.Decide(caller, target, report, Now) is { } problem ? (problem.Status, problem.Code) : null;

    private static DownloadTarget Token(int principal, DateTimeOffset expires) =>
        new(LocatorKind.Token, new DownloadToken(1, principal, expires), null);

    private static Caller Caller(int principal, Guid? tenant, bool isUnrestricted, params string[] permissions) => new(
        new Actor(ActorKind.User, "u"), principal, tenant, "UTC", isUnrestricted, permissions.ToFrozenSet());
}
