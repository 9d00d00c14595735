using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Konscious.Security.Cryptography;
using Reports.BuildingBlocks;

namespace Reports.Access;

/// <summary>
/// Argon2id with the parameters of the OWASP Password Storage Cheat Sheet (19 MiB, two passes, one lane), in the
/// PHC string format, so that a later change of parameters leaves old hashes readable.
/// </summary>
internal static partial class PasswordHash
{
    private const int MemoryKiB = 19 * 1024;
    private const int Passes = 2;
    private const int Lanes = 1;

    private static readonly string Prefix = string.Create(
        CultureInfo.InvariantCulture, $"$argon2id$v=19$m={MemoryKiB},t={Passes},p={Lanes}$");

    // Hashing is the costliest thing that a stranger can make us do: never more at once than there are cores.
    private static readonly HashingGate Gate = new(
        Environment.ProcessorCount, longestQueue: 16 * Environment.ProcessorCount, TimeSpan.FromSeconds(5));

    public static Task<string> CreateAsync(string password) =>
        CreateAsync(password, RandomNumberGenerator.GetBytes(16));

    /// <summary>A hash that no password has; verifying against it takes as long as against a real one.</summary>
    public static string Dummy { get; } = Format(new byte[16], RandomNumberGenerator.GetBytes(32));

    public static async Task<bool> VerifyAsync(string password, string stored)
    {
        var match = Phc().Match(stored);
        if (!match.Success)
        {
            return false;
        }

        int Number(string group) => int.Parse(match.Groups[group].ValueSpan, CultureInfo.InvariantCulture);
        var salt = Convert.FromBase64String(match.Groups["salt"].Value);
        var expected = Convert.FromBase64String(match.Groups["hash"].Value);
        var actual = await HashAsync(password, salt, Number("m"), Number("t"), Number("p"), expected.Length);
        return CryptographicOperations.FixedTimeEquals(actual, expected);
    }

    /// <summary>Whether a hash was made with the present parameters; others are made anew at a login.</summary>
    public static bool IsCurrent(string stored) => stored.StartsWith(Prefix, StringComparison.Ordinal);

    private static async Task<string> CreateAsync(string password, byte[] salt) =>
        Format(salt, await HashAsync(password, salt, MemoryKiB, Passes, Lanes, 32));

    private static string Format(byte[] salt, byte[] hash) =>
        $"{Prefix}{Convert.ToBase64String(salt)}${Convert.ToBase64String(hash)}";

    private static async Task<byte[]> HashAsync(
        string password, byte[] salt, int memory, int passes, int lanes, int length)
    {
        // The library takes no empty password. A NUL byte stands in for it: no password can hold one.
        var text = password.Length > 0 ? password.Normalize(NormalizationForm.FormC) : "\0";
        var bytes = Encoding.UTF8.GetBytes(text);
        return await Gate.RunAsync(async () =>
        {
            using var argon = new Argon2id(bytes)
            {
                Salt = salt,
                MemorySize = memory,
                Iterations = passes,
                DegreeOfParallelism = lanes,
            };
            return await argon.GetBytesAsync(length);
        });
    }

    [GeneratedRegex(@"\A\$argon2id\$v=19\$m=(?<m>\d+),t=(?<t>\d+),p=(?<p>\d+)\$(?<salt>[^$]+)\$(?<hash>[^$]+)\z")]
    private static partial Regex Phc();
}

/// <summary>
/// Lets only so much work run at once, and only so much wait for it: a queue that strangers can fill must neither grow
/// nor hold anybody up for long.
/// </summary>
internal sealed class HashingGate(int atOnce, int longestQueue, TimeSpan longestWait) : IDisposable
{
    private readonly SemaphoreSlim _free = new(atOnce);
    private int _present;

    /// <exception cref="ProblemException">Too many are waiting already, or it has waited too long: 503.</exception>
    public async Task<T> RunAsync<T>(Func<Task<T>> work)
    {
        var isLet = false;
        try
        {
            isLet = Interlocked.Increment(ref _present) <= atOnce + longestQueue && await _free.WaitAsync(longestWait);
            return isLet
                ? await work()
                : throw new ProblemException(
                    Problem.Unavailable with { Detail = "Too many passwords are being checked; try again shortly" });
        }
        finally
        {
            Interlocked.Decrement(ref _present);
            if (isLet)
            {
                _free.Release();
            }
        }
    }

    public void Dispose() => _free.Dispose();
}
