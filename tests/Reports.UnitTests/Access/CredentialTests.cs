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

    [Theory]
    [InlineData("Basic !!!")]
    [InlineData("Basic")]
    [InlineData("Basic ")]
    [InlineData("Basic //79")]
    [InlineData("Basic bm8gY29sb24=")]
    [InlineData("Bearer x")]
    [InlineData("Api-Key ")]
    [InlineData("")]
    public void what_cannot_be_read_is_unusable_and_not_nothing(string authorization) =>
        From(authorization).ShouldBe(Unusable);

    [Fact]
    public void a_credential_of_any_length_is_read_or_unusable()
    {
        From(Basic($"user:{new string('x', 65536)}")).ShouldBe(Unusable);
        From($"Api-Key {new string('x', 65536)}").ShouldBe(Unusable);
        From(Basic($"user:{new string('x', 256)}")).ShouldBe(new PresentedCredential.Basic("user", new string('x', 256)));
    }

    [Fact]
    public void bytes_that_are_not_utf8_are_unusable() =>
        From($"Basic {Convert.ToBase64String([.. "user:"u8, 0xff, 0xfe])}").ShouldBe(Unusable);

    [Fact]
    public void names_and_passwords_are_compared_in_their_composed_form() =>
        From(Basic("ju\u0308rgen:pa\u0308ss")).ShouldBe(new PresentedCredential.Basic("j\u00fcrgen", "p\u00e4ss"));

    [Theory]
    [InlineData("basic")]
    [InlineData("BASIC")]
    [InlineData("bAsIc")]
    public void the_scheme_word_is_read_in_any_case(string scheme) =>
        From(Basic("user:password").Replace("Basic", scheme, StringComparison.Ordinal))
            .ShouldBe(new PresentedCredential.Basic("user", "password"));

    [Fact]
    public void no_header_is_no_credential() => PresentedCredential.From(new HeaderDictionary()).ShouldBeNull();

    [Fact]
    public void only_the_same_key_may_come_twice()
    {
        var basic = Basic("user:password");

        From(["Api-Key k", "api-key  k"], ["k"]).ShouldBe(new PresentedCredential.Key("k"));
        From(["Api-Key k", "Api-Key other"], []).ShouldBe(Unusable);
        From([], ["k", "other"]).ShouldBe(Unusable);
        From([basic, basic], []).ShouldBe(Unusable);
        From([basic], ["k"]).ShouldBe(Unusable);
        From(["Bearer x"], ["k"]).ShouldBe(Unusable);
    }

    [Fact]
    public void what_was_presented_tells_no_secret_as_text()
    {
        $"{From(Basic("user:password"))}{From("Api-Key secret")}".ShouldBe("BasicKey");
    }

    [Fact]
    public async Task a_hash_of_other_parameters_is_still_verified_and_is_to_be_made_anew()
    {
        // Argon2id of "password" with 256 KiB, one pass, one lane.
        using var argon = new Konscious.Security.Cryptography.Argon2id("password"u8.ToArray())
        {
            Salt = new byte[16],
            MemorySize = 256,
            Iterations = 1,
            DegreeOfParallelism = 1,
        };
        var old = $"$argon2id$v=19$m=256,t=1,p=1${Convert.ToBase64String(new byte[16])}$"
            + Convert.ToBase64String(await argon.GetBytesAsync(32));

        (await PasswordHash.VerifyAsync("password", old)).ShouldBeTrue();
        PasswordHash.IsCurrent(old).ShouldBeFalse();
        PasswordHash.IsCurrent(await PasswordHash.CreateAsync("password")).ShouldBeTrue();
        PasswordHash.IsCurrent(PasswordHash.Dummy).ShouldBeTrue();
    }

    [Property]
    public void no_authorization_header_whatever_throws(string? header)
    {
        var headers = new HeaderDictionary { ["Authorization"] = header, ["Api-Key"] = header };

        Should.NotThrow(() => PresentedCredential.From(headers));
        Should.NotThrow(() => ApiKey.Parse(header ?? ""));
    }

    private static readonly PresentedCredential Unusable = new PresentedCredential.Unusable();

    private static PresentedCredential? From(string[] authorization, string[] keys) =>
        PresentedCredential.From(new HeaderDictionary { ["Authorization"] = authorization, ["Api-Key"] = keys });

    private static PresentedCredential? From(string authorization) =>
        PresentedCredential.From(new HeaderDictionary { ["Authorization"] = authorization });

    private static string Basic(string pair) => $"Basic {Convert.ToBase64String(Encoding.UTF8.GetBytes(pair))}";
}
