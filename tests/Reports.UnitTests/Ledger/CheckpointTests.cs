using System.Text;
using Reports.Ledger;
using Shouldly;
using Xunit;

namespace Reports.UnitTests.Ledger;

public sealed class CheckpointTests : IDisposable
{
    private readonly CheckpointSigner _one = SyntheticExport.Signer();
    private readonly CheckpointSigner _other = SyntheticExport.Signer();

    [Fact]
    public void a_checkpoint_is_a_note_in_fixed_words()
    {
        var checkpoint = Checkpoint with { Keys = [new string('a', 64)] };
        checkpoint.Text().ShouldBe(
            $"reports/test\n7\n{Convert.ToBase64String(checkpoint.Root)}\nsequence 9\ntime 2026-11-23T00:05:10.123456Z\nkey {new string('a', 64)}\n");
        Reports.Ledger.Checkpoint.Parse(checkpoint.Text())!.Text().ShouldBe(checkpoint.Text());
    }

    [Fact]
    public void a_note_is_believed_by_whoever_trusts_one_of_its_signers()
    {
        var note = SignedCheckpoint.Parse(SignedCheckpoint.Sign(Checkpoint, [_one, _other]).Note())!;
        note.IsSignedBy([_one.Key]).ShouldBeTrue();
        note.IsSignedBy([_other.Key]).ShouldBeTrue();
        note.IsSignedBy([_other.Key, _one.Key]).ShouldBeTrue();
        note.Checkpoint.Keys.ShouldBe(new[] { _one.Key.Id, _other.Key.Id }.Order(StringComparer.Ordinal));

        using var stranger = SyntheticExport.Signer();
        note.IsSignedBy([stranger.Key]).ShouldBeFalse();
        note.IsSignedBy([]).ShouldBeFalse();
    }

    [Fact]
    public void a_false_signature_in_the_name_of_a_trusted_key_spoils_a_good_one()
    {
        var note = SignedCheckpoint.Sign(Checkpoint, [_one, _other]);
        var spoiled = note with
        {
            Signatures = [note.Signatures[0], note.Signatures[1] with { Signature = note.Signatures[0].Signature }],
        };
        spoiled.IsSignedBy([_one.Key, _other.Key]).ShouldBeFalse();
        spoiled.IsSignedBy([_one.Key]).ShouldBeTrue();
    }

    [Fact]
    public void a_note_changed_in_any_byte_is_not_believed()
    {
        var good = Encoding.UTF8.GetBytes(SignedCheckpoint.Sign(Checkpoint, [_one]).Note());
        for (var at = 0; at < good.Length; at++)
        {
            foreach (var other in (byte[])[(byte)(good[at] ^ 1), (byte)(good[at] ^ 0x20), (byte)'\n', (byte)' ', 0, 0xFF])
            {
                byte[] bad = [.. good];
                bad[at] = other;
                IsBelieved(bad, good).ShouldBeFalse($"byte {at} as {other}");
            }

            IsBelieved([.. good[..at], .. good[(at + 1)..]], good).ShouldBeFalse($"without byte {at}");
            IsBelieved([.. good[..at], good[at], .. good[at..]], good).ShouldBeFalse($"with byte {at} twice");
            IsBelieved(good[..at], good).ShouldBeFalse($"only {at} bytes");
        }
    }

    // A signature that somebody cannot check, a witness's for one, is not theirs to judge.
    [Fact]
    public void a_note_by_two_changed_in_any_byte_says_the_same_to_whoever_believes_it()
    {
        var good = Encoding.UTF8.GetBytes(SignedCheckpoint.Sign(Checkpoint, [_one, _other]).Note());
        for (var at = 0; at < good.Length; at++)
        {
            byte[] bad = [.. good];
            bad[at] ^= 1;
            var note = SignedCheckpoint.Parse(Encoding.UTF8.GetString(bad));
            if (note?.IsSignedBy([_one.Key, _other.Key]) == true)
            {
                note.Checkpoint.Text().ShouldBe(SignedCheckpoint.Parse(Encoding.UTF8.GetString(good))!.Checkpoint.Text());
            }
        }
    }

    [Fact]
    public void signatures_under_another_name_do_not_count_and_unknown_ones_do_no_harm()
    {
        var note = SignedCheckpoint.Sign(Checkpoint, [_one]);
        var renamed = note with { Signatures = [note.Signatures[0] with { Name = "somebody" }] };
        SignedCheckpoint.Parse(renamed.Note())!.IsSignedBy([_one.Key]).ShouldBeFalse();

        var witnessed = note with { Signatures = [.. note.Signatures, new NoteSignature("witness.example", [1, 2, 3, 4], [5, 6])] };
        SignedCheckpoint.Parse(witnessed.Note())!.IsSignedBy([_one.Key]).ShouldBeTrue();
    }

    [Fact]
    public void a_note_has_at_most_sixteen_signatures_and_one_by_each_key()
    {
        var note = SignedCheckpoint.Sign(Checkpoint, [_one]);
        NoteSignature Unknown(int n) => new("w", BitConverter.GetBytes(n), [1]);
        SignedCheckpoint With(int n) => note with { Signatures = [.. note.Signatures, .. Enumerable.Range(0, n).Select(Unknown)] };
        SignedCheckpoint.Parse(With(15).Note()).ShouldNotBeNull();
        SignedCheckpoint.Parse(With(16).Note()).ShouldBeNull();
        SignedCheckpoint.Parse(With(100_000).Note()).ShouldBeNull();
        SignedCheckpoint.Parse((note with { Signatures = [note.Signatures[0], note.Signatures[0]] }).Note()).ShouldBeNull();
        SignedCheckpoint.Parse((note with { Signatures = [] }).Note()).ShouldBeNull();
    }

    [Theory]
    [InlineData("reports/test\n", "reports/other\n")]
    [InlineData("reports/test\n", "\n")]
    [InlineData("reports/test\n", "reports test\n")]
    [InlineData("reports/test\n", "reports+test\n")]
    [InlineData("\n7\n", "\n07\n")]
    [InlineData("\n7\n", "\n+7\n")]
    [InlineData("\n7\n", "\n-7\n")]
    [InlineData("\n7\n", "\n 7\n")]
    [InlineData("\n7\n", "\n7\r\n")]
    [InlineData("sequence 9", "sequence 09")]
    [InlineData("sequence 9", "sequence")]
    [InlineData("sequence 9\n", "")]
    [InlineData("sequence 9\n", "sequence 9\nsequence 9\n")]
    [InlineData(".123456Z", ".12345Z")]
    [InlineData(".123456Z", ".123456+00:00")]
    [InlineData("key ", "Key ")]
    [InlineData("key ", "")]
    public void a_text_written_otherwise_is_not_believed(string good, string bad)
    {
        var text = SignedCheckpoint.Sign(Checkpoint, [_one]).Checkpoint.Text();
        text.ShouldContain(good);
        var altered = text.Replace(good, bad, StringComparison.Ordinal);
        var signature = new NoteSignature("reports/test", _one.Key.ShortId, _one.Sign(altered));

        var note = SignedCheckpoint.Parse(altered + "\n" + signature.Line());

        // Another origin is another ledger, which the name of the signature does not fit.
        (note?.IsSignedBy([_one.Key]) ?? false).ShouldBeFalse();
    }

    [Fact]
    public void keys_are_named_once_in_their_order_and_never_none()
    {
        var (a, b) = (new string('a', 64), new string('b', 64));
        string?[][] bad = [[], [b, a], [a, a], [a[1..]], [a.ToUpperInvariant()], [.. Enumerable.Repeat(a, 17)]];
        bad.Count(keys => Reports.Ledger.Checkpoint.Parse((Checkpoint with { Keys = keys! }).Text()) is null).ShouldBe(bad.Length);
        Reports.Ledger.Checkpoint.Parse((Checkpoint with { Keys = [a, b] }).Text()).ShouldNotBeNull();
    }

    [Fact]
    public void a_key_reads_what_it_writes_and_refuses_what_is_none()
    {
        CheckpointKey.FromPem(_one.Key.ToPem()).Id.ShouldBe(_one.Key.Id);
        Convert.ToHexStringLower(_one.Key.ShortId).ShouldBe(_one.Key.Id[..8]);

        using var p384 = System.Security.Cryptography.ECDsa.Create(System.Security.Cryptography.ECCurve.NamedCurves.nistP384);
        Should.Throw<Exception>(() => CheckpointKey.FromPem(p384.ExportSubjectPublicKeyInfoPem()));
        using var p256 = System.Security.Cryptography.ECDsa.Create(System.Security.Cryptography.ECCurve.NamedCurves.nistP256);
        Should.Throw<ArgumentException>(() => CheckpointKey.FromPem(p256.ExportPkcs8PrivateKeyPem()));
        Should.Throw<ArgumentException>(() => CheckpointKey.FromPem("nothing"));
    }

    [Fact]
    public void what_is_held_may_be_a_note_or_a_header()
    {
        var note = SignedCheckpoint.Sign(Checkpoint, [_one]).Note();
        var value = $":{Convert.ToBase64String(Encoding.UTF8.GetBytes(note))}:";
        foreach (var text in (string[])[note, value, value + "\r\n", $"Audit-Checkpoint: {value}", $"audit-checkpoint:{value}"])
        {
            HeldCheckpoints.Parse(text)!.Note().ShouldBe(note);
        }

        foreach (var text in (string[])["", ":", "::", value[1..], value[..^1], ":AAAA:", ":/w==:", "x\n"])
        {
            HeldCheckpoints.Parse(text).ShouldBeNull();
        }
    }

    public void Dispose()
    {
        _one.Dispose();
        _other.Dispose();
    }

    private static Checkpoint Checkpoint => new(
        "reports/test", 7, MerkleHash.Leaf([1]), 9, DateTimeOffset.UnixEpoch.AddMicroseconds(1795392310123456), []);

    private bool IsBelieved(byte[] bytes, byte[] good) =>
        !bytes.AsSpan().SequenceEqual(good)
        && SignedCheckpoint.Parse(Encoding.UTF8.GetString(bytes))?.IsSignedBy([_one.Key]) == true;
}
