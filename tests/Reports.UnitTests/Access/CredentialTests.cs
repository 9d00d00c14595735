using System.Security.Cryptography;
using System.Text;
using FsCheck.Xunit;
using Microsoft.AspNetCore.Http;
using Reports.Access;
using Reports.BuildingBlocks;
using Shouldly;
using Xunit;

namespace Reports.UnitTests.Access;

public sealed class CredentialTests
{
    [Fact]
    public void a_new_key_is_shaped_as_documented_and_understood()
    {
        var key = ApiKey.Create(live: true);

        key.Text.ShouldMatch("^rk_live_[0-9A-Za-z]{10}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}$");
        ApiKey.Parse(key.Text).ShouldBe(key);
        key.ToString().ShouldNotContain(key.Text);
        ApiKey.Create(live: false).Text.ShouldStartWith("rk_test_");
    }

    [Fact]
    public void a_typing_error_is_found_by_the_checksum()
    {
        var text = ApiKey.Create(live: true).Text;
        for (var i = 0; i < text.Length; i++)
        {
            ApiKey.Parse(text[..i] + (text[i] == 'x' ? 'y' : 'x') + text[(i + 1)..]).ShouldBeNull();
        }
    }

    [Theory]
    [InlineData("rk_test_abcdefghi%_0000000000000000000000000000000000000000000_39Vuhj")]
    [InlineData("rk_test_abcdefghij_000000000000000000000%000000000000000000000_1vtNmZ")]
    public void a_true_checksum_over_other_characters_makes_no_key(string text) => ApiKey.Parse(text).ShouldBeNull();

    [Fact]
    public void a_key_is_verified_under_the_pepper_it_was_hashed_with()
    {
        var (first, second) = (RandomNumberGenerator.GetBytes(32), RandomNumberGenerator.GetBytes(32));
        var (key, other) = (ApiKey.Create(true), ApiKey.Create(true));
        var stored = new ApiKeyHasher(new KeyRing(1, new Dictionary<int, byte[]> { [1] = first })).Hash(key);

        var rotated = new ApiKeyHasher(new KeyRing(2, new Dictionary<int, byte[]> { [1] = first, [2] = second }));
        rotated.Verify(key, stored).ShouldBeTrue();
        rotated.Verify(other, stored).ShouldBeFalse();
        rotated.Verify(null, stored).ShouldBeFalse();
        rotated.Verify(key, null).ShouldBeFalse();
        rotated.Verify(key, "hmac-sha256$9$AAAA").ShouldBeFalse();
        new ApiKeyHasher(new KeyRing(1, new Dictionary<int, byte[]> { [1] = second })).Verify(key, stored).ShouldBeFalse();
    }

    [Fact]
    public async Task a_password_is_verified_by_its_own_hash_only()
    {
        var stored = await PasswordHash.CreateAsync("pässwörd: with colon");

        stored.ShouldStartWith("$argon2id$v=19$m=19456,t=2,p=1$");
        (await PasswordHash.VerifyAsync("pässwörd: with colon", stored)).ShouldBeTrue();
        (await PasswordHash.VerifyAsync("pa\u0308sswo\u0308rd: with colon", stored)).ShouldBeTrue();
        (await PasswordHash.VerifyAsync("passwort", stored)).ShouldBeFalse();
        (await PasswordHash.VerifyAsync("", PasswordHash.Dummy)).ShouldBeFalse();
        (await PasswordHash.CreateAsync("pässwörd: with colon")).ShouldNotBe(stored);
    }

    [Fact]
    public void a_colon_belongs_to_the_password() =>
        From(Basic("user:pass:word")).ShouldBe(new PresentedCredential.Basic("user", "pass:word"));

    [Fact]
    public void an_empty_password_is_still_a_credential() =>
        From(Basic("user:")).ShouldBe(new PresentedCredential.Basic("user", ""));

    [Theory]
    [InlineData("no colon")]
    [InlineData(":no name")]
    [InlineData("user:tab\tin it")]
    public void what_rfc_7617_forbids_is_no_credential(string pair) =>
        From(Basic(pair)).ShouldBe(new PresentedCredential.Unusable());

    [Property]
    public void no_authorization_header_whatever_throws(string? header)
    {
        var headers = new HeaderDictionary { ["Authorization"] = header, ["Api-Key"] = header };

        Should.NotThrow(() => PresentedCredential.From(headers));
        Should.NotThrow(() => ApiKey.Parse(header ?? ""));
    }

    private static PresentedCredential? From(string authorization) =>
        PresentedCredential.From(new HeaderDictionary { ["Authorization"] = authorization });

    private static string Basic(string pair) => $"Basic {Convert.ToBase64String(Encoding.UTF8.GetBytes(pair))}";
}
