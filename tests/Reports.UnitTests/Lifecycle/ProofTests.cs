using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Reports.BuildingBlocks;
using Reports.Contracts;
using Reports.Contracts.Events;
using Reports.Contracts.Messages;
using Reports.Lifecycle;
using Shouldly;
using Xunit;

namespace Reports.UnitTests.Lifecycle;

/// <summary>What generators prove themselves and their files with.</summary>
public sealed class ProofTests
{
    private static readonly Guid Id = new("01980000-0000-7000-8000-000000000001");
    private static readonly DateTimeOffset Now = new(2026, 11, 23, 9, 0, 0, TimeSpan.Zero);
    private static readonly string Digest = Convert.ToBase64String(SHA256.HashData([]));

    [Theory]
    [InlineData("sha-256=:{0}:")]
    [InlineData("sha-512=:AAAA:, sha-256=:{0}:")]
    [InlineData("sha-256=:{0}:;q=1")]
    [InlineData("\tsha-256=:{0}: , md5=:AAAA:")]
    public void the_last_sha_256_of_a_field_counts(string field)
    {
        var finding = DigestField.Sha256(string.Format(null, field, Digest), out var digest);

        finding.ShouldBeNull();
        digest.ShouldBe(SHA256.HashData([]));
    }

    [Theory]
    [InlineData("")]
    [InlineData("sha-256")]
    [InlineData("=:AAAA:")]
    [InlineData("sha-256=:AAAA:")]
    [InlineData("sha-256={0}")]
    [InlineData("sha-256=:{0}:,")]
    [InlineData("sha-256=:{0}")]
    public void a_field_that_cannot_be_read_is_a_finding(string field) =>
        DigestField.Sha256(string.Format(null, field, Digest), out _).ShouldNotBeNull();

    [Fact]
    public void a_field_that_is_not_there_or_names_other_digests_is_none()
    {
        DigestField.Sha256(default, out var none).ShouldBeNull();
        DigestField.Sha256("sha-512=:AAAA:", out var other).ShouldBeNull();
        (none, other).ShouldBe((null, null));
    }

    [Fact]
    public void only_the_secret_that_counts_signs()
    {
        var secrets = Secrets();
        var generator = new RegisteredGenerator(Id, null, 2, 1);

        secrets.HasSigned(Id, generator, "payload", Sign(secrets.For(Id, 2, 1), "payload")).ShouldBeTrue();
        secrets.HasSigned(Id, generator, "payload", Sign(secrets.For(Id, 1, 1), "payload")).ShouldBeFalse();
        secrets.HasSigned(Id, generator, "payload", Sign(secrets.For(Id, 2, 1), "payloae")).ShouldBeFalse();
        secrets.HasSigned(Id, generator, "payload", "").ShouldBeFalse();
        secrets.HasSigned(Id, generator with { KeyVersion = 2 }, "payload", Sign(secrets.For(Id, 2, 1), "payload")).ShouldBeFalse();
        secrets.HasSigned(Id, null, "payload", Sign(secrets.For(Id, 0, 1), "payload")).ShouldBeFalse();
    }

    [Fact]
    public void a_secret_is_the_same_each_time_and_of_one_generator_and_number()
    {
        var secrets = Secrets();

        secrets.For(Id, 1, 1).ShouldMatch("^[0-9a-f]{64}$");
        secrets.For(Id, 1, 1).ShouldBe(secrets.For(Id, 1, 1));
        new[] { secrets.For(Id, 1, 1), secrets.For(Id, 2, 1), secrets.For(Guid.Empty, 1, 1) }.Distinct().Count().ShouldBe(3);
    }

    [Fact]
    public void a_submission_is_read_as_it_was_written()
    {
        var submission = new ReportSubmission(
            Id, Guid.CreateVersion7(), ReportInterval.Custom, ReportFormat.Xlsx, new(2026, 3, 1), new DateOnly(2026, 3, 9),
            "Asia/Kuwait", new ReportLayout(RightToLeft: true), "ledger");
        var json = JsonSerializer.SerializeToUtf8Bytes(submission, ContractJson.Options);

        ReportSubmissions.Parse(Base64Url.EncodeToString(json)).ShouldBe(submission);
    }

    [Theory]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("{")]
    [InlineData("")]
    public void what_is_no_submission_is_refused(string json) => Should.Throw<SubmissionRefusedException>(
        () => ReportSubmissions.Parse(Base64Url.EncodeToString(Encoding.UTF8.GetBytes(json))));

    [Fact]
    public void a_generator_is_rotated_and_disabled_once()
    {
        var registered = RegisteredGenerator.Fold(
            null, new GeneratorRegistered(Id, "ledger", null, 1, Actor.Operator, Now));
        var rotated = RotateGeneratorSecret.Decide(registered, Id, 3, Actor.Operator, Now);
        var second = RegisteredGenerator.Fold(registered, rotated)!;
        var disabled = RegisteredGenerator.Fold(second, new GeneratorDisabled(Id, Actor.Operator, Now));

        (second.Secret, second.KeyVersion).ShouldBe((2, 3));
        Should.Throw<ProblemException>(() => RotateGeneratorSecret.Decide(disabled, Id, 3, Actor.Operator, Now))
            .Problem.Status.ShouldBe(409);
        Should.Throw<ProblemException>(() => RotateGeneratorSecret.Decide(null, Id, 3, Actor.Operator, Now))
            .Problem.Status.ShouldBe(404);
    }

    private static string Sign(string secret, string payload) => Convert.ToHexStringLower(
        HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), Encoding.UTF8.GetBytes(payload)));

    private static GeneratorSecrets Secrets() =>
        new(new KeyRing(1, new Dictionary<int, byte[]> { [1] = new byte[32] }));
}
