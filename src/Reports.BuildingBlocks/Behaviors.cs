using System.Diagnostics;
using FluentValidation;
using FluentValidation.Results;
using MediatR;
using Microsoft.Extensions.Logging;

namespace Reports.BuildingBlocks;

/// <summary>Checks the shape of a request before its handler sees it.</summary>
/// <typeparam name="TRequest">The request.</typeparam>
/// <typeparam name="TResponse">Its result.</typeparam>
/// <param name="validators">The validators of the request; none is fine.</param>
public sealed class ValidationBehavior<TRequest, TResponse>(IEnumerable<IValidator<TRequest>> validators)
    : IPipelineBehavior<TRequest, TResponse>
    where TRequest : notnull
{
    /// <summary>Validates, then goes on.</summary>
    /// <param name="request">The request.</param>
    /// <param name="next">The handler.</param>
    /// <param name="cancellationToken">Passed on.</param>
    /// <returns>The handler's result.</returns>
    /// <exception cref="ProblemException">The request has not the right shape: 400 with every field named.</exception>
    public async Task<TResponse> Handle(
        TRequest request, RequestHandlerDelegate<TResponse> next, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(next);
        foreach (var validator in validators)
        {
            Shapes.Require(await validator.ValidateAsync(request, cancellationToken));
        }

        return await next(cancellationToken);
    }
}

/// <summary>What is answered to what has not the right shape.</summary>
public static class Shapes
{
    /// <summary>Goes on only when a validation found nothing.</summary>
    /// <param name="result">What it found.</param>
    /// <exception cref="ProblemException">It found something: 400 with every field named.</exception>
    public static void Require(ValidationResult result)
    {
        ArgumentNullException.ThrowIfNull(result);
        if (result.IsValid)
        {
            return;
        }

        var errors = result.Errors
            .GroupBy(e => e.PropertyName, e => e.ErrorMessage, StringComparer.Ordinal)
            .ToDictionary(g => g.Key, g => g.ToArray(), StringComparer.Ordinal);
        var (field, messages) = errors.First();
        throw new ProblemException(
            Problem.InvalidParameters with { Detail = $"{field} {messages[0]}", Errors = errors });
    }
}

/// <summary>Logs the name and duration of each request, never its content.</summary>
/// <typeparam name="TRequest">The request.</typeparam>
/// <typeparam name="TResponse">Its result.</typeparam>
/// <param name="log">Where to.</param>
public sealed partial class LogBehavior<TRequest, TResponse>(ILogger<LogBehavior<TRequest, TResponse>> log)
    : IPipelineBehavior<TRequest, TResponse>
    where TRequest : notnull
{
    private static readonly string Name = typeof(TRequest).DeclaringType?.Name ?? typeof(TRequest).Name;

    /// <summary>Goes on, then logs.</summary>
    /// <param name="request">The request.</param>
    /// <param name="next">The next behaviour or the handler.</param>
    /// <param name="cancellationToken">Passed on.</param>
    /// <returns>The handler's result.</returns>
    public async Task<TResponse> Handle(
        TRequest request, RequestHandlerDelegate<TResponse> next, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(next);
        var start = Stopwatch.GetTimestamp();
        try
        {
            return await next(cancellationToken);
        }
        finally
        {
            Handled(log, Name, Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }
    }

    [LoggerMessage(LogLevel.Debug, "{Request} took {Milliseconds:F1} ms")]
    private static partial void Handled(ILogger log, string request, double milliseconds);
}
