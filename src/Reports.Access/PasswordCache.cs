using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;

namespace Reports.Access;

/// <summary>
/// What hashing has shown of passwords lately, since a hash costs a tenth of a second: the right ones for five minutes
/// after their last use, the wrong ones for half a minute. Neither passwords nor hashes are kept, only their HMAC under
/// a key of this process. A password that was changed has another hash, hence another HMAC; and what the user may do
/// is no question for here.
/// </summary>
internal sealed class PasswordCache(TimeProvider clock)
{
    private const int MostKept = 10_000;

    private readonly byte[] _key = RandomNumberGenerator.GetBytes(32);
    private readonly RecentSet _right = new(clock, TimeSpan.FromMinutes(5), MostKept);
    private readonly RecentSet _wrong = new(clock, TimeSpan.FromSeconds(30), MostKept);
    private readonly ConcurrentDictionary<Guid, Lazy<Task<bool>>> _running = new();

    /// <summary>What stands for a name, a verifier and a password; none of them can hold a line break.</summary>
    public Guid Fingerprint(string userName, string verifier, string password) => new(
        HMACSHA256.HashData(_key, Encoding.UTF8.GetBytes($"{userName}\n{verifier}\n{password}")).AsSpan(0, 16));

    public bool IsRight(Guid fingerprint)
    {
        var isRight = _right.Contains(fingerprint);
        if (isRight)
        {
            _right.Add(fingerprint);
        }

        return isRight;
    }

    public bool IsWrong(Guid fingerprint) => _wrong.Contains(fingerprint);

    /// <summary>Checks a password, once for all who ask at the same time, and remembers what came of it.</summary>
    /// <param name="fingerprint">What stands for it.</param>
    /// <param name="mayCheck">Asked of one of them: whether it may cost a hash. When not, nothing is remembered.</param>
    /// <param name="check">Does it.</param>
    public Task<bool> CheckAsync(Guid fingerprint, Func<bool> mayCheck, Func<Task<bool>> check)
    {
        async Task<bool> RunAsync()
        {
            try
            {
                // The same check may have ended since somebody looked.
                if (IsRight(fingerprint))
                {
                    return true;
                }

                if (!mayCheck())
                {
                    return false;
                }

                var isRight = await check();
                (isRight ? _right : _wrong).Add(fingerprint);
                return isRight;
            }
            finally
            {
                _running.TryRemove(fingerprint, out _);
            }
        }

        return _running.GetOrAdd(fingerprint, _ => new Lazy<Task<bool>>(RunAsync)).Value;
    }
}

/// <summary>Remembers for a while what it was given last, and never more than so many.</summary>
internal sealed class RecentSet(TimeProvider clock, TimeSpan lifetime, int most)
{
    private readonly ConcurrentDictionary<Guid, long> _seen = new();

    public int Count => _seen.Count;

    public bool Contains(Guid item) => _seen.TryGetValue(item, out var at) && clock.GetElapsedTime(at) < lifetime;

    public void Add(Guid item)
    {
        if (!_seen.ContainsKey(item) && _seen.Count >= most)
        {
            Trim();
        }

        _seen[item] = clock.GetTimestamp();
    }

    private void Trim()
    {
        var oldestFirst = _seen.ToArray().OrderBy(entry => entry.Value).ToArray();
        var over = oldestFirst.Count(entry => clock.GetElapsedTime(entry.Value) >= lifetime);
        foreach (var entry in oldestFirst.Take(Math.Max(over, oldestFirst.Length / 2)))
        {
            _seen.TryRemove(entry);
        }
    }
}
