using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Reports.Ledger;

/// <summary>
/// A tree head, as it is signed: a C2SP tlog-checkpoint with three kinds of extension lines. Its text is
/// <code>
/// origin
/// size in decimal
/// root in base64
/// sequence N
/// time 2026-11-23T00:05:10.123456Z
/// key SHA-256 of a signing key's SubjectPublicKeyInfo in lower-case hex, a line for each, ordered
/// </code>
/// each line ended by a line feed. Whoever trusts one key that signed it may trust every key that it names: so keys
/// change without a break.
/// </summary>
/// <param name="Origin">The name of the ledger.</param>
/// <param name="Size">How many leaves the tree has.</param>
/// <param name="Root">Its root.</param>
/// <param name="Sequence">Every event up to this sequence is in the tree, or there is none with its number.</param>
/// <param name="Time">When it was made, by the signer's clock.</param>
/// <param name="Keys">The ids of the keys that sign it: SHA-256 of the key, lower-case hex, ordered.</param>
public sealed record Checkpoint(
    string Origin, long Size, byte[] Root, long Sequence, DateTimeOffset Time, IReadOnlyList<string> Keys)
{
    private const string TimeFormat = "yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'";
    private const int LinesBeforeKeys = 5;

    /// <summary>The text that is signed.</summary>
    /// <returns>The lines.</returns>
    public string Text()
    {
        var time = Time.UtcDateTime.ToString(TimeFormat, CultureInfo.InvariantCulture);
        var text = new StringBuilder()
            .Append(CultureInfo.InvariantCulture, $"{Origin}\n{Size}\n{Convert.ToBase64String(Root)}\n")
            .Append(CultureInfo.InvariantCulture, $"sequence {Sequence}\n")
            .Append(CultureInfo.InvariantCulture, $"time {time}\n");
        foreach (var key in Keys)
        {
            text.Append(CultureInfo.InvariantCulture, $"key {key}\n");
        }

        return text.ToString();
    }

    /// <summary>Reads a text that <see cref="Text"/> gave, and no other.</summary>
    /// <param name="text">The text.</param>
    /// <returns>The checkpoint, or null when it is none.</returns>
    public static Checkpoint? Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var lines = text.Split('\n');
        var root = new byte[MerkleHash.Size];
        if (lines.Length <= LinesBeforeKeys + 1 || lines.Length - LinesBeforeKeys - 1 > SignedCheckpoint.MostSignatures
            || !NoteSignature.IsName(lines[0])
            || !long.TryParse(lines[1], NumberStyles.None, CultureInfo.InvariantCulture, out var size)
            || !Convert.TryFromBase64String(lines[2], root, out var length) || length != root.Length
            || After("sequence ", lines[3]) is not { } sequenceText
            || !long.TryParse(sequenceText, NumberStyles.None, CultureInfo.InvariantCulture, out var sequence)
            || After("time ", lines[4]) is not { } timeText
            || !DateTimeOffset.TryParseExact(
                timeText, TimeFormat, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time))
        {
            return null;
        }

        var keys = lines[LinesBeforeKeys..^1].Select(line => After("key ", line) ?? "").ToArray();
        for (var i = 0; i < keys.Length; i++)
        {
            if (!CheckpointKey.IsId(keys[i]) || (i > 0 && string.CompareOrdinal(keys[i - 1], keys[i]) >= 0))
            {
                return null;
            }
        }

        var checkpoint = new Checkpoint(lines[0], size, root, sequence, time, keys);

        // One text for one checkpoint: what reads alike but is written otherwise is none.
        return checkpoint.Text() == text ? checkpoint : null;
    }

    private static string? After(string word, string line) =>
        line.StartsWith(word, StringComparison.Ordinal) ? line[word.Length..] : null;
}

/// <summary>A public key of the ledger: ECDSA on P-256.</summary>
public sealed class CheckpointKey
{
    private const string Label = "PUBLIC KEY";

    // To read a key takes several times as long as to verify a signature, so it is read once.
    private readonly ECDsa _key = ECDsa.Create();
    private readonly Lock _use = new();
    private readonly byte[] _info;

    /// <summary>Takes a key.</summary>
    /// <param name="subjectPublicKeyInfo">Its DER (RFC 5480).</param>
    /// <exception cref="CryptographicException">It is not a key on P-256.</exception>
    public CheckpointKey(byte[] subjectPublicKeyInfo)
    {
        ArgumentNullException.ThrowIfNull(subjectPublicKeyInfo);
        _key.ImportSubjectPublicKeyInfo(subjectPublicKeyInfo, out var read);
        if (read != subjectPublicKeyInfo.Length)
        {
            throw new CryptographicException("There is something behind the key.");
        }

        if (_key.ExportParameters(false).Curve.Oid.Value != ECCurve.NamedCurves.nistP256.Oid.Value)
        {
            throw new CryptographicException("The key is not one on the curve P-256.");
        }

        // As this library writes it, so that one key has one id.
        _info = _key.ExportSubjectPublicKeyInfo();
        Id = Convert.ToHexStringLower(SHA256.HashData(_info));
    }

    /// <summary>SHA-256 of its SubjectPublicKeyInfo, lower-case hex.</summary>
    public string Id { get; }

    /// <summary>The four bytes that signatures name it by (C2SP signed-note, type 0x02).</summary>
    public byte[] ShortId => Convert.FromHexString(Id.AsSpan(0, 2 * NoteSignature.KeyIdLength));

    /// <summary>Whether a text can be the id of a key.</summary>
    /// <param name="text">The text.</param>
    /// <returns>True when it can.</returns>
    public static bool IsId(string? text) =>
        text?.Length == 2 * SHA256.HashSizeInBytes && text.All(char.IsAsciiHexDigitLower);

    /// <summary>The key in PEM (RFC 7468).</summary>
    /// <returns>The text.</returns>
    public string ToPem() => PemEncoding.WriteString(Label, _info) + "\n";

    /// <summary>Reads a key in PEM.</summary>
    /// <param name="pem">The text.</param>
    /// <returns>The key.</returns>
    /// <exception cref="ArgumentException">There is no public key in it, or a private one.</exception>
    /// <exception cref="CryptographicException">It is not a key on P-256.</exception>
    public static CheckpointKey FromPem(string pem)
    {
        var found = PemEncoding.Find(pem);
        return pem[found.Label] == Label
            ? new CheckpointKey(Convert.FromBase64String(pem[found.Base64Data]))
            : throw new ArgumentException($"There is a {pem[found.Label]} where a {Label} is expected.", nameof(pem));
    }

    /// <summary>Whether it made a signature.</summary>
    /// <param name="text">What was signed.</param>
    /// <param name="signature">The signature, in DER (RFC 3279).</param>
    /// <returns>True when it did.</returns>
    public bool Verify(string text, ReadOnlySpan<byte> signature)
    {
        lock (_use)
        {
            return _key.VerifyData(
                Encoding.UTF8.GetBytes(text),
                signature,
                HashAlgorithmName.SHA256,
                DSASignatureFormat.Rfc3279DerSequence);
        }
    }
}

/// <summary>A private key of the ledger.</summary>
public sealed class CheckpointSigner : IDisposable
{
    private readonly ECDsa _key;

    /// <summary>Takes a key.</summary>
    /// <param name="pkcs8">Its PKCS #8 (RFC 5958), not encrypted.</param>
    /// <exception cref="CryptographicException">It is not a key on P-256.</exception>
    public CheckpointSigner(ReadOnlySpan<byte> pkcs8)
    {
        _key = ECDsa.Create();
        _key.ImportPkcs8PrivateKey(pkcs8, out _);
        Key = new CheckpointKey(_key.ExportSubjectPublicKeyInfo());
    }

    /// <summary>Its public key.</summary>
    public CheckpointKey Key { get; }

    /// <summary>Makes a new private key.</summary>
    /// <returns>Its PKCS #8.</returns>
    public static byte[] Generate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return key.ExportPkcs8PrivateKey();
    }

    /// <summary>Signs a text.</summary>
    /// <param name="text">The text.</param>
    /// <returns>The signature, in DER (RFC 3279).</returns>
    public byte[] Sign(string text) => _key.SignData(
        Encoding.UTF8.GetBytes(text), HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence);

    /// <inheritdoc/>
    public void Dispose() => _key.Dispose();
}

/// <summary>
/// A checkpoint with its signatures: a C2SP signed-note. After the text and an empty line, each signature has the line
/// <c>— origin base64(four bytes of the key's id, signature)</c>.
/// </summary>
/// <param name="Checkpoint">The checkpoint.</param>
/// <param name="Signatures">The signatures; whose they are is told by the key's short id.</param>
public sealed record SignedCheckpoint(Checkpoint Checkpoint, IReadOnlyList<NoteSignature> Signatures)
{
    /// <summary>The most signatures that a note may have.</summary>
    public const int MostSignatures = 16;

    /// <summary>Signs a checkpoint by every key.</summary>
    /// <param name="checkpoint">The checkpoint; the keys that it names are replaced by those that sign.</param>
    /// <param name="signers">The keys.</param>
    /// <returns>The note.</returns>
    public static SignedCheckpoint Sign(Checkpoint checkpoint, IReadOnlyList<CheckpointSigner> signers)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        ArgumentOutOfRangeException.ThrowIfZero(signers?.Count ?? 0, nameof(signers));
        var named = checkpoint with
        {
            Keys = [.. signers!.Select(s => s.Key.Id).Order(StringComparer.Ordinal)],
        };
        return new SignedCheckpoint(named, SignedNote.Sign(named.Text(), named.Origin, signers!));
    }

    /// <summary>The whole note.</summary>
    /// <returns>Its text.</returns>
    public string Note() => SignedNote.Write(Checkpoint.Text(), Signatures);

    /// <summary>Reads a note that <see cref="Note"/> gave; it may have further signatures, by witnesses.</summary>
    /// <param name="note">Its text.</param>
    /// <returns>The note, or null when it is none of a checkpoint, or has two signatures by one key.</returns>
    public static SignedCheckpoint? Parse(string note)
    {
        ArgumentNullException.ThrowIfNull(note);
        return SignedNote.Read(note) is var (text, signatures) && Checkpoint.Parse(text) is { } checkpoint
            ? new SignedCheckpoint(checkpoint, signatures)
            : null;
    }

    /// <summary>Whether one of some keys signed it, and none of those that are said to have signed did not.</summary>
    /// <param name="keys">The keys that are trusted.</param>
    /// <returns>True when it is genuine.</returns>
    public bool IsSignedBy(IEnumerable<CheckpointKey> keys)
    {
        ArgumentNullException.ThrowIfNull(keys);
        return SignedNote.IsSignedBy(Checkpoint.Text(), Checkpoint.Origin, Signatures, keys);
    }
}

/// <summary>A C2SP signed-note, whatever its text: the text, an empty line, and a line for each signature.</summary>
internal static class SignedNote
{
    public static IReadOnlyList<NoteSignature> Sign(string text, string name, IEnumerable<CheckpointSigner> signers) =>
        [.. signers.Select(s => new NoteSignature(name, s.Key.ShortId, s.Sign(text)))];

    public static string Write(string text, IEnumerable<NoteSignature> signatures) =>
        text + "\n" + string.Concat(signatures.Select(s => s.Line()));

    /// <summary>The text and the signatures; null when it is no note, or has two signatures by one key.</summary>
    public static (string Text, IReadOnlyList<NoteSignature> Signatures)? Read(string note)
    {
        var end = note.LastIndexOf("\n\n", StringComparison.Ordinal);
        if (end < 0 || end + 2 == note.Length || !note.EndsWith('\n'))
        {
            return null;
        }

        // Split, but no further than needed to see that there are too many.
        var most = SignedCheckpoint.MostSignatures;
        var signatures = note[(end + 2)..^1].Split('\n', most + 1).Select(NoteSignature.Parse).ToList();
        var isNote = signatures.Count <= most && !signatures.Contains(null)
            && signatures.DistinctBy(s => (s!.Name, Convert.ToHexString(s.KeyId))).Count() == signatures.Count;
        return isNote ? (note[..(end + 1)], signatures!) : null;
    }

    /// <summary>Whether one of the keys signed it under that name, and none of them falsely.</summary>
    public static bool IsSignedBy(
        string text, string name, IEnumerable<NoteSignature> signatures, IEnumerable<CheckpointKey> keys)
    {
        var isSigned = false;
        foreach (var key in keys)
        {
            foreach (var signature in signatures.Where(
                s => s.Name == name && s.KeyId.AsSpan().SequenceEqual(key.ShortId)))
            {
                if (!key.Verify(text, signature.Signature))
                {
                    return false;
                }

                isSigned = true;
            }
        }

        return isSigned;
    }
}

/// <summary>A signature of a note.</summary>
/// <param name="Name">The name of the key: the origin of the ledger.</param>
/// <param name="KeyId">Four bytes of the key's id.</param>
/// <param name="Signature">The signature, in DER (RFC 3279).</param>
public sealed record NoteSignature(string Name, byte[] KeyId, byte[] Signature)
{
    /// <summary>How many bytes of a key's id a signature has.</summary>
    public const int KeyIdLength = 4;

    private const string Dash = "— ";

    /// <summary>Its line.</summary>
    /// <returns>The line with its end.</returns>
    public string Line() => $"{Dash}{Name} {Convert.ToBase64String([.. KeyId, .. Signature])}\n";

    /// <summary>Reads a line.</summary>
    /// <param name="line">The line without its end.</param>
    /// <returns>The signature, or null when it is none.</returns>
    public static NoteSignature? Parse(string line)
    {
        ArgumentNullException.ThrowIfNull(line);
        var parts = line.StartsWith(Dash, StringComparison.Ordinal) ? line[Dash.Length..].Split(' ') : [];
        var bytes = new byte[line.Length];
        var signature = parts.Length == 2 && IsName(parts[0])
            && Convert.TryFromBase64String(parts[1], bytes, out var length) && length > KeyIdLength
                ? new NoteSignature(parts[0], bytes[..KeyIdLength], bytes[KeyIdLength..length])
                : null;

        // Base64 can be written in more than one way; here it is not.
        return signature?.Line() == line + "\n" ? signature : null;
    }

    // What C2SP signed-note allows as the name of a key; the origin of a ledger is one.
    internal static bool IsName(string text) =>
        text.Length > 0 && !text.Any(c => char.IsWhiteSpace(c) || char.IsControl(c) || c == '+');
}
