using Reports.Access;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Reports.Contracts.Events;
using Shouldly;
using Xunit;

namespace Reports.UnitTests.Access;

public sealed class AccessDecisionTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 23, 0, 0, 0, TimeSpan.Zero);
    private static readonly Guid Id = Guid.CreateVersion7(Now);
    private static readonly Guid NewId = Guid.CreateVersion7(Now);
    private static readonly Merchant Shop = new(Id, "Shop", "UTC", 365, new MerchantQuotas(null, 100), false);
    private static readonly ApiKeyIssued Issued = new(
        Id, Guid.CreateVersion7(Now), 7, Id, "AbCdEf0123", ["reports"], null, Actor.Operator, Now.AddDays(-1));
    private static readonly Credential Key = new(Id, Issued, null, false);
    private static readonly User Finance = new(Id, [Permissions.ViewReport], false);

    [Fact]
    public void a_change_names_all_terms_and_keeps_what_it_does_not_change()
    {
        Change(new(TimeZone: "Asia/Kuwait", RequestsPerDay: new(1000))).ShouldBe(new MerchantChanged(
            Id, "Shop", "Asia/Kuwait", 365, new MerchantQuotas(1000, 100), Actor.Operator, Now));
        Change(new(Name: "Shop 2", RetentionDays: 30)).ShouldBe(new MerchantChanged(
            Id, "Shop 2", "UTC", 30, new MerchantQuotas(null, 100), Actor.Operator, Now));
    }

    [Fact]
    public void a_quota_can_be_the_installations_again() =>
        Change(new(DownloadsPerHour: new(null))).Quotas.ShouldBe(new MerchantQuotas(null, null));

    [Fact]
    public void the_same_terms_again_are_no_change()
    {
        Refused(409, "nothing to change", () => Change(new(Name: "Shop", DownloadsPerHour: new(100))));
        Refused(409, "nothing to change", () => Change(new(RequestsPerDay: new(null))));
    }

    [Fact]
    public void a_merchant_is_disabled_once()
    {
        DisableMerchant.Decide(Shop, Id, Actor.Operator, Now).ShouldBe(new MerchantDisabled(Id, Actor.Operator, Now));
        Refused(409, "disabled already", () => DisableMerchant.Decide(
            Shop with { IsDisabled = true }, Id, Actor.Operator, Now));
    }

    [Fact]
    public void what_is_not_there_is_said_not_to_be_there()
    {
        Refused(404, $"{Id}", () => ChangeMerchant.Decide(null, Id, new(Name: "x"), Actor.Operator, Now));
        Refused(404, $"{Id}", () => DisableMerchant.Decide(null, Id, Actor.Operator, Now));
        Refused(404, "AbCdEf0123", () => RevokeApiKey.Decide(null, "AbCdEf0123", Actor.Operator, Now));
        Refused(404, "AbCdEf0123", () => Rotate(null, TimeSpan.Zero));
        Refused(404, "finance", () => DisableUser.Decide(null, "finance", Actor.Operator, Now));
    }

    [Fact]
    public void a_rotated_key_keeps_its_principal_and_scopes()
    {
        var (rotated, issued) = Rotate(Key, TimeSpan.FromHours(24));

        issued.ShouldBe(Issued with { CredentialId = NewId, KeyId = "NewKey0123", IssuedAt = Now });
        rotated.ShouldBe(new ApiKeyRotated(Id, NewId, Now.AddHours(24), Actor.Operator, Now));
    }

    [Theory]
    [InlineData(2, 24, 2)]
    [InlineData(48, 24, 24)]
    public void an_overlap_never_lengthens_the_life_of_the_old_key(int livesFor, int overlap, int ends)
    {
        var until = Now.AddHours(livesFor);
        var (rotated, issued) = Rotate(
            Key with { Issued = Issued with { ExpiresAt = until }, ValidUntil = until }, TimeSpan.FromHours(overlap));

        rotated.OldValidUntil.ShouldBe(Now.AddHours(ends));
        issued.ExpiresAt.ShouldBe(until);
    }

    [Fact]
    public void a_new_end_for_the_new_key_can_be_named()
    {
        var command = new RotateApiKey.Command("AbCdEf0123", TimeSpan.Zero, ExpiresAt: Now.AddDays(90));

        RotateApiKey.Decide(Key, 0, NewId, "NewKey0123", command, Actor.Operator, Now)
            .Issued.ExpiresAt.ShouldBe(Now.AddDays(90));
    }

    [Fact]
    public void only_a_key_that_works_can_be_rotated_and_only_while_no_other_of_its_lineage_does()
    {
        Refused(409, "Two keys of this lineage", () => Rotate(Key, TimeSpan.Zero, liveOthers: 1));
        Refused(409, "revoked", () => Rotate(Key with { IsRevoked = true }, TimeSpan.Zero));
        Refused(409, "not valid any more", () => Rotate(Key with { ValidUntil = Now }, TimeSpan.Zero));
    }

    [Fact]
    public void a_key_is_revoked_once()
    {
        RevokeApiKey.Decide(Key, "AbCdEf0123", Actor.Operator, Now).ShouldBe(new ApiKeyRevoked(Id, Actor.Operator, Now));
        Refused(409, "revoked already", () => RevokeApiKey.Decide(
            Key with { IsRevoked = true }, "AbCdEf0123", Actor.Operator, Now));
    }

    [Fact]
    public void a_permission_is_given_and_taken_once_in_its_stored_spelling()
    {
        Grant("report.can_view_audit").Permission.ShouldBe(Permissions.ViewAudit);
        Refused(409, "already", () => Grant("report.view_report"));
        Revoke("report.view_report").Permission.ShouldBe(Permissions.ViewReport);
        Refused(409, "does not have", () => Revoke("report.can_view_audit"));
    }

    [Fact]
    public void nothing_is_done_for_a_disabled_user()
    {
        var disabled = Finance with { IsDisabled = true };

        Refused(409, "disabled already", () => DisableUser.Decide(disabled, "finance", Actor.Operator, Now));
        Refused(409, "disabled", () => ChangePassword.Decide(disabled, "finance", Actor.Operator, Now));
        Refused(409, "disabled", () => GrantPermission.Decide(
            disabled, new("finance", Permissions.ViewAudit), Actor.Operator, Now));
    }

    [Fact]
    public void states_are_what_their_events_say()
    {
        object[] merchant =
        [
            new MerchantRegistered(Id, "Shop", "UTC", 365, Actor.Operator, Now),
            new MerchantChanged(Id, "Shop 2", "Asia/Kuwait", 30, new MerchantQuotas(1, 2), Actor.Operator, Now),
            new MerchantDisabled(Id, Actor.Operator, Now),
        ];
        merchant.Aggregate((Merchant?)null, Merchant.Fold)
            .ShouldBe(new Merchant(Id, "Shop 2", "Asia/Kuwait", 30, new MerchantQuotas(1, 2), true));

        object[] key = [Issued, new ApiKeyRotated(Id, NewId, Now, Actor.Operator, Now), new ApiKeyRevoked(Id, Actor.Operator, Now)];
        key.Aggregate((Credential?)null, Credential.Fold).ShouldBe(new Credential(Id, Issued, Now, true));

        object[] user =
        [
            new UserRegistered(Id, 8, Id, false, Actor.Operator, Now),
            new PermissionGranted(Id, "a", Actor.Operator, Now),
            new PermissionGranted(Id, "b", Actor.Operator, Now),
            new PermissionRevoked(Id, "a", Actor.Operator, Now),
            new PasswordChanged(Id, Actor.Operator, Now),
            new UserDisabled(Id, Actor.Operator, Now),
        ];
        var folded = user.Aggregate((User?)null, User.Fold)!;
        (folded.Id, folded.IsDisabled).ShouldBe((Id, true));
        folded.Permissions.ShouldBe(["b"]);
    }

    private static MerchantChanged Change(ChangeMerchant.Command command) =>
        ChangeMerchant.Decide(Shop, Id, command, Actor.Operator, Now);

    private static (ApiKeyRotated Rotated, ApiKeyIssued Issued) Rotate(
        Credential? key, TimeSpan overlap, int liveOthers = 0) => RotateApiKey.Decide(
            key, liveOthers, NewId, "NewKey0123", new("AbCdEf0123", overlap), Actor.Operator, Now);

    private static PermissionGranted Grant(string permission) =>
        GrantPermission.Decide(Finance, new("finance", permission), Actor.Operator, Now);

    private static PermissionRevoked Revoke(string permission) =>
        RevokePermission.Decide(Finance, new("finance", permission), Actor.Operator, Now);

    private static void Refused(int status, string detail, Func<object> decide)
    {
        var problem = Should.Throw<ProblemException>(decide).Problem;
        problem.Status.ShouldBe(status);
        problem.Detail!.ShouldContain(detail);
    }
}
