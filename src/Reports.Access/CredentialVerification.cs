using System.Net;
using Microsoft.Extensions.Logging;
using Npgsql;
using Reports.BuildingBlocks;

namespace Reports.Access;

/// <summary>What became of a credential that was presented.</summary>
/// <param name="Caller">Who it is; null when the credential proves nobody.</param>
/// <param name="Refusal">What to answer then.</param>
/// <param name="Exhausted">The budget that is used up, when that is why.</param>
/// <param name="Claimed">Whose credential it was that proved nothing, if it is a known one.</param>
internal sealed record Verdict(
    Caller? Caller, Problem? Refusal, RateLimit? Exhausted = null, Caller? Claimed = null)
{
    public static Verdict Unauthorized { get; } = new(null, Problem.Unauthorized);

    public static Verdict Accepted(StoredCredential row) => new(row.Caller, null);

    public static Verdict Failed(FailureCharge charge, StoredCredential? claimed = null) =>
        charge.Exhausted is { } exhausted
            ? new(null, FailureCharge.Problem(exhausted), exhausted, claimed?.Caller)
            : Unauthorized with { Claimed = claimed?.Caller };
}

/// <summary>
/// Checks what was presented. Whatever is wrong with it, the same is done: what memory does not prove is looked up,
/// also when memory could have told that it is wrong; unknown keys and users are checked against a hash that nothing
/// has; and whether a credential is revoked, disabled or expired is looked at after everything else.
/// </summary>
internal sealed partial class CredentialVerification(
    SecretStore secrets,
    CredentialCache cache,
    PasswordCache passwords,
    FailureBudgets budgets,
    ApiKeyHasher hasher,
    TimeProvider clock,
    ILogger<CredentialVerification> log)
{
    // A second round for a hash that was replaced during the first, a third for luck that bad.
    private const int MostRounds = 3;

    public Task<Verdict> VerifyAsync(PresentedCredential? presented, IPAddress? address) => presented switch
    {
        null => Task.FromResult(Verdict.Unauthorized),
        PresentedCredential.Key key => VerifyAsync(key, address),
        PresentedCredential.Basic basic => VerifyAsync(basic, address),
        _ => Task.FromResult(Verdict.Failed(budgets.Charge(address, null))),
    };

    /// <summary>What is left to an address of its budget of failures.</summary>
    public RateLimit Left(IPAddress? address) => budgets.Left(address);

    private async Task<Verdict> VerifyAsync(PresentedCredential.Key presented, IPAddress? address)
    {
        // What is no key of ours is looked up too, so that it takes as long; no key id is empty.
        var key = ApiKey.Parse(presented.Text);
        var found = await FindAsync(
            SecretStore.ApiKeys, key?.KeyId ?? "", verifier => hasher.Verify(key, verifier));
        return found.IsProven
            ? Verdict.Accepted(found.Row!)
            : Verdict.Failed(budgets.Charge(address, key is null ? null : $"key {key.KeyId}"), found.Row);
    }

    private async Task<Verdict> VerifyAsync(PresentedCredential.Basic presented, IPAddress? address)
    {
        var (name, password) = (presented.UserName, presented.Password);
        var identity = $"user {name}";
        Guid Fingerprint(string? verifier) => passwords.Fingerprint(name, verifier ?? PasswordHash.Dummy, password);

        FailureCharge? charge = null;
        StoredCredential? claimed = null;
        var isFailure = false;
        try
        {
            for (var round = 0; round < MostRounds; round++)
            {
                var (row, isProven) = await FindAsync(
                    SecretStore.Users, name, verifier => passwords.IsRight(Fingerprint(verifier)));
                claimed = row;
                if (isProven)
                {
                    return Verdict.Accepted(row!);
                }

                bool MayHash()
                {
                    charge ??= budgets.Charge(address, identity);
                    return charge.Exhausted is null;
                }

                // One of those who ask the same at the same time pays before the hash, the others only for a failure:
                // programs open many connections at once.
                var fingerprint = Fingerprint(row?.Verifier);
                if (passwords.IsWrong(fingerprint)
                    || !await passwords.CheckAsync(fingerprint, MayHash, () => HashAsync(presented, row)))
                {
                    break;
                }

                // Hashing may have had to wait, and may have stored another hash: what holds now is looked up again.
            }

            isFailure = true;
            return Verdict.Failed(charge ?? budgets.Charge(address, identity), claimed);
        }
        finally
        {
            if (!isFailure)
            {
                charge?.Refund();
            }
        }
    }

    private async Task<(StoredCredential? Row, bool IsProven)> FindAsync(
        string kind, string lookup, Func<string?, bool> proves)
    {
        bool IsProven(StoredCredential? row) =>
            proves(row?.Verifier) && row is not null && row.IsLive(clock.GetUtcNow());

        var kept = cache.Find(kind, lookup);
        if (IsProven(kept))
        {
            return (kept, true);
        }

        var generation = cache.Current;
        var row = await secrets.FindAsync(kind, lookup, CancellationToken.None);
        var isProven = IsProven(row);
        if (isProven)
        {
            cache.Keep(generation, kind, lookup, row!);
        }

        return (row, isProven);
    }

    // The password of somebody who may not sign in is as wrong as any other.
    private async Task<bool> HashAsync(PresentedCredential.Basic presented, StoredCredential? row)
    {
        var verifier = row?.Verifier ?? PasswordHash.Dummy;
        var isRight = await PasswordHash.VerifyAsync(presented.Password, verifier)
            && row is not null && row.IsLive(clock.GetUtcNow());
        if (isRight && !PasswordHash.IsCurrent(verifier))
        {
            try
            {
                var current = await PasswordHash.CreateAsync(presented.Password);
                await secrets.RehashAsync(presented.UserName, verifier, current, CancellationToken.None);
            }
            catch (Exception e) when (e is ProblemException or NpgsqlException)
            {
                // The next login tries again.
                RehashFailed(log, e);
            }
        }

        return isRight;
    }

    [LoggerMessage(LogLevel.Information, "A password could not be hashed anew under the present parameters")]
    private static partial void RehashFailed(ILogger log, Exception cause);
}
