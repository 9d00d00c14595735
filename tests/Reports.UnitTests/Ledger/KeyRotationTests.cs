using Reports.Ledger;
using Shouldly;
using Xunit;

namespace Reports.UnitTests.Ledger;

public sealed class KeyRotationTests : IDisposable
{
    private readonly CheckpointSigner[] _signers = [.. Enumerable.Range(0, 4).Select(_ => SyntheticExport.Signer())];

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void whoever_pinned_any_of_the_keys_believes_the_whole_record(int pinned)
    {
        using var export = Rotated();

        var (verification, findings) = export.Verify([_signers[pinned].Key]);

        findings.ShouldBeEmpty();
        verification.Checkpoints.ShouldBe(export.Checkpoints.Count);
        verification.Notes.ShouldContain(n => _signers.All(s => n.Contains(s.Key.Id, StringComparison.Ordinal)));
    }

    [Fact]
    public void a_key_that_no_trusted_one_named_is_not_believed()
    {
        using var export = Rotated();
        using var stranger = SyntheticExport.Signer();
        export.Signers.Clear();
        export.Signers.Add(stranger);
        export.Events.Add((export.Event(1000), null));
        export.Seal();

        export.Verify([_signers[0].Key]).Verification.Line().ShouldBe("BAD_SIGNATURE 1, UNSEALED 1");
        export.Verify([stranger.Key]).Verification.Counts[Verdict.BadSignature].ShouldBe(export.Checkpoints.Count - 1);
    }

    [Fact]
    public void a_key_cannot_name_itself_a_successor_by_a_note_it_did_not_sign()
    {
        using var export = Rotated();
        using var stranger = SyntheticExport.Signer();
        export.Keys.Add(stranger.Key);
        var named = SignedCheckpoint.Parse(export.Checkpoints[2].Note)!;
        export.Checkpoints[2] = (named.Checkpoint.Size, (named with
        {
            Checkpoint = named.Checkpoint with { Keys = [.. named.Checkpoint.Keys.Append(stranger.Key.Id).Order(StringComparer.Ordinal)] },
        }).Note());

        var (verification, _) = export.Verify([_signers[0].Key]);

        verification.Line().ShouldBe("BAD_SIGNATURE 1");
        verification.Notes.ShouldNotContain(n => n.Contains(stranger.Key.Id, StringComparison.Ordinal));
    }

    [Fact]
    public void a_checkpoint_held_elsewhere_may_name_the_key_that_the_export_needs()
    {
        using var export = Rotated();
        var bridge = export.Checkpoints[1].Note; // signed by the first and the second key
        export.Checkpoints.RemoveRange(0, 2);

        export.Verify([_signers[0].Key]).Verification.Verdict.ShouldBe(Verdict.BadSignature);
        export.Verify([_signers[0].Key], new HeldCheckpoints([export.Held(bridge)], null)).Verification.Line().ShouldBe("OK");
    }

    public void Dispose() => Array.ForEach(_signers, s => s.Dispose());

    // Each key signs alone, then together with the next.
    private SyntheticExport Rotated()
    {
        var export = new SyntheticExport(10, 1, 10, _signers[0]);
        for (var i = 1; i < 2 * _signers.Length; i++)
        {
            export.Signers.Clear();
            export.Signers.Add(_signers[i / 2]);
            if (i % 2 == 1 && (i / 2) + 1 < _signers.Length)
            {
                export.Signers.Add(_signers[(i / 2) + 1]);
            }

            export.Events.Add((export.Event(100 + i), null));
            export.Seal();
        }

        return export;
    }
}
