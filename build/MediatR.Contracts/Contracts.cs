using System.Diagnostics.CodeAnalysis;

namespace MediatR;

/// <summary>Any request, with a result or without.</summary>
[SuppressMessage("Design", "CA1040", Justification = "The shape that MediatR.dll binds to.")]
public interface IBaseRequest;

/// <summary>A request without a result.</summary>
[SuppressMessage("Design", "CA1040", Justification = "The shape that MediatR.dll binds to.")]
public interface IRequest : IBaseRequest;

/// <summary>A request with a result of type <typeparamref name="TResponse"/>.</summary>
[SuppressMessage("Design", "CA1040", Justification = "The shape that MediatR.dll binds to.")]
public interface IRequest<out TResponse> : IBaseRequest;

/// <summary>A request whose results come as a stream.</summary>
[SuppressMessage("Design", "CA1040", Justification = "The shape that MediatR.dll binds to.")]
public interface IStreamRequest<out TResponse>;

/// <summary>A notification. MediatR.dll names it; this project does not use it.</summary>
[SuppressMessage("Design", "CA1040", Justification = "The shape that MediatR.dll binds to.")]
public interface INotification;

/// <summary>The result of a request that has none.</summary>
public readonly struct Unit : IEquatable<Unit>, IComparable<Unit>, IComparable
{
    private static readonly Unit _value;

    /// <summary>The one value. It must return a reference: MediatR.dll was compiled against that.</summary>
    public static ref readonly Unit Value => ref _value;

    /// <summary>A finished task of the one value.</summary>
    public static Task<Unit> Task { get; } = System.Threading.Tasks.Task.FromResult(_value);

    /// <inheritdoc/>
    public int CompareTo(Unit other) => 0;

    int IComparable.CompareTo(object? obj) => 0;

    /// <inheritdoc/>
    public bool Equals(Unit other) => true;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Unit;

    /// <inheritdoc/>
    public override int GetHashCode() => 0;

    /// <inheritdoc/>
    public override string ToString() => "()";

    /// <summary>Always true.</summary>
    public static bool operator ==(Unit left, Unit right) => true;

    /// <summary>Always false.</summary>
    public static bool operator !=(Unit left, Unit right) => false;

    /// <summary>Always false.</summary>
    public static bool operator <(Unit left, Unit right) => false;

    /// <summary>Always true.</summary>
    public static bool operator <=(Unit left, Unit right) => true;

    /// <summary>Always false.</summary>
    public static bool operator >(Unit left, Unit right) => false;

    /// <summary>Always true.</summary>
    public static bool operator >=(Unit left, Unit right) => true;
}
