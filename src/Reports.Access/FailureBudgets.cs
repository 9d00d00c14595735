using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Reports.BuildingBlocks;

namespace Reports.Access;

/// <summary>
/// How many attempts to authenticate may still fail, in the memory of this node: of an address, for a claimed identity,
/// and of an address for an identity. A guess is paid for before anything costly is done for it and gets its price back
/// when it was right.
/// </summary>
internal sealed class FailureBudgets(AccessOptions options, TimeProvider clock)
{
    private readonly byte[] _key = RandomNumberGenerator.GetBytes(32);

    private readonly FailureBudget _perAddress = new(
        new("failed-authentication", options.FailuresPerAddress, options.FailureWindow), clock);

    private readonly FailureBudget _perIdentity = new(
        new("failed-authentication-identity", options.FailuresPerIdentity, options.FailureWindow), clock);

    private readonly FailureBudget _perPair = new(
        new("failed-authentication-pair", options.FailuresPerAddressAndIdentity, options.FailureWindow), clock);

    /// <summary>What is left to an address.</summary>
    public RateLimit Left(IPAddress? address) => _perAddress.Left(Key(Network(address)));

    /// <summary>Takes the price of one failure from every budget that it concerns, or from none.</summary>
    /// <param name="address">Where the attempt comes from.</param>
    /// <param name="identity">The user name or key id that it claims; none when it claims nothing readable.</param>
    public FailureCharge Charge(IPAddress? address, string? identity)
    {
        var network = Network(address);
        var budgets = identity is null
            ? [(_perAddress, Key(network))]
            : new[]
            {
                (_perAddress, Key(network)),
                (_perPair, Key($"{network}\n{identity}")),
                (_perIdentity, Key($"\n{identity}")),
            };
        var charge = new FailureCharge();
        foreach (var (budget, key) in budgets)
        {
            if (!charge.TryTake(budget, key))
            {
                break;
            }
        }

        return charge;
    }

    /// <summary>An address, or the network of an IPv6 address, all of which one caller commonly has.</summary>
    internal static string Network(IPAddress? address)
    {
        if (address is { IsIPv4MappedToIPv6: true })
        {
            address = address.MapToIPv4();
        }

        return address is { AddressFamily: AddressFamily.InterNetworkV6 }
            ? Convert.ToHexString(address.GetAddressBytes().AsSpan(0, 8))
            : address?.ToString() ?? "unknown";
    }

    // Names can be long and are nobody's business: a key of fixed length stands for them.
    private Guid Key(string text) => new(HMACSHA256.HashData(_key, Encoding.UTF8.GetBytes(text)).AsSpan(0, 16));
}

/// <summary>What one attempt has taken.</summary>
internal sealed class FailureCharge
{
    private readonly List<FailureWindow> _taken = new(3);

    /// <summary>The budget that is used up; nothing was taken then.</summary>
    public RateLimit? Exhausted { get; private set; }

    public bool TryTake(FailureBudget budget, Guid key)
    {
        if (budget.TryTake(key) is { } window)
        {
            _taken.Add(window);
            return true;
        }

        Refund();
        Exhausted = budget.Left(key);
        return false;
    }

    /// <summary>The attempt was no failure.</summary>
    public void Refund()
    {
        _taken.ForEach(window => Interlocked.Decrement(ref window.Spent));
        _taken.Clear();
    }

    /// <summary>What an attempt is told for which nothing is left.</summary>
    public static Problem Problem(RateLimit exhausted)
    {
        var seconds = exhausted.ResetSeconds.ToString(CultureInfo.InvariantCulture);
        return BuildingBlocks.Problem.RateLimited with
        {
            Detail = $"Too many failed attempts to authenticate. Try again in {seconds} seconds. A credential that was "
                + "right lately is not held up; if you need more attempts, ask the operator of this service.",
            RetryAfter = (int)Math.Min(exhausted.ResetSeconds, int.MaxValue),
        };
    }
}

/// <summary>The failures of one key since the first of them.</summary>
internal sealed class FailureWindow(long startedAt)
{
    public int Spent;

    public long StartedAt { get; } = startedAt;
}

/// <summary>So many failures of each key in a window that begins with the first.</summary>
internal sealed class FailureBudget(RateLimitPolicy policy, TimeProvider clock, int mostKept = 100_000)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<Guid, FailureWindow> _windows = [];

    public int Count => _windows.Count;

    /// <summary>Takes one failure; null when none is left.</summary>
    public FailureWindow? TryTake(Guid key)
    {
        lock (_lock)
        {
            if (Find(key) is not { } window)
            {
                Trim();
                _windows[key] = window = new FailureWindow(clock.GetTimestamp());
            }

            if (window.Spent >= policy.Quota)
            {
                return null;
            }

            Interlocked.Increment(ref window.Spent);
            return window;
        }
    }

    public RateLimit Left(Guid key)
    {
        lock (_lock)
        {
            return Find(key) is { } window
                ? new(policy, policy.Quota - window.Spent, policy.Window - clock.GetElapsedTime(window.StartedAt))
                : new(policy, policy.Quota, policy.Window);
        }
    }

    private FailureWindow? Find(Guid key) =>
        _windows.TryGetValue(key, out var window) && !IsOver(window) ? window : null;

    private bool IsOver(FailureWindow window) => clock.GetElapsedTime(window.StartedAt) >= policy.Window;

    // When there are too many, those go whose time is over or who have spent the least: whoever floods this with new
    // keys loses those, and not the ones that he has used up.
    private void Trim()
    {
        if (_windows.Count < mostKept)
        {
            return;
        }

        foreach (var (key, _) in _windows.OrderBy(entry => IsOver(entry.Value) ? 0 : entry.Value.Spent)
            .Take(mostKept / 2).ToList())
        {
            _windows.Remove(key);
        }
    }
}
