using System.Globalization;
using System.IO.Compression;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Reports.Contracts;
using Reports.Generator;

namespace Reports.UnitTests.Generator;

/// <summary>A workbook as a strict reader sees it: parts are XML and found through their relationships.</summary>
internal sealed partial class Workbook
{
    private static readonly XNamespace Main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    private static readonly XNamespace Links = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";

    private readonly Dictionary<string, XDocument> _parts = [];

    public Workbook(byte[] file)
    {
        using var zip = new ZipArchive(new MemoryStream(file));
        foreach (var entry in zip.Entries)
        {
            using var stream = entry.Open();
            _parts.Add(entry.FullName, XDocument.Load(stream, LoadOptions.PreserveWhitespace));
        }
    }

    public sealed record Cell(string? Type, int Style, string? Value, string? Text);

    public IReadOnlyList<string> SheetNames => [.. Sheets.Select(sheet => sheet.Attribute("name")!.Value)];

    private IEnumerable<XElement> Sheets => _parts["xl/workbook.xml"].Descendants(Main + "sheet");

    public static Task<Workbook> Of(bool rightToLeft, params Transaction[] rows) =>
        OfSheets(rightToLeft, rowsPerSheet: 1_048_575, rows);

    public static async Task<Workbook> OfSheets(bool rightToLeft, int rowsPerSheet, params Transaction[] rows) =>
        new(await A.Xlsx(rightToLeft, rowsPerSheet, rows));

    public static async Task<Workbook> Of(ReportLayout layout, params Transaction[] rows) =>
        new(await A.Xlsx(layout, rowsPerSheet: 1_048_575, rows));

    public IReadOnlyList<IReadOnlyDictionary<string, Cell>> Rows(int sheet) =>
        [.. Sheet(sheet).Descendants(Main + "row").Select(row => row.Elements(Main + "c").ToDictionary(Column, Read))];

    public int Elements(int sheet, string name) => Sheet(sheet).Descendants(Main + name).Count();

    public bool IsRightToLeft(int sheet) =>
        Sheet(sheet).Descendants(Main + "sheetView").Single().Attribute("rightToLeft")!.Value == "1";

    public (string Rows, string State) Pane(int sheet)
    {
        var pane = Sheet(sheet).Descendants(Main + "pane").Single();
        return (pane.Attribute("ySplit")!.Value, pane.Attribute("state")!.Value);
    }

    public IReadOnlyList<(string First, string Last, string Width)> Widths(int sheet) =>
        [.. Sheet(sheet).Descendants(Main + "col").Select(run =>
            (run.Attribute("min")!.Value, run.Attribute("max")!.Value, run.Attribute("width")!.Value))];

    public bool IsBold(Cell cell) =>
        Styles("fonts").ElementAt((int)Style(cell).Attribute("fontId")!).Element(Main + "b") is not null;

    public bool IsQuoted(Cell cell) => (string?)Style(cell).Attribute("quotePrefix") == "1";

    public string Format(Cell cell) => Styles("numFmts")
        .Single(format => format.Attribute("numFmtId")!.Value == Style(cell).Attribute("numFmtId")!.Value)
        .Attribute("formatCode")!.Value;

    private static string Column(XElement cell) => cell.Attribute("r")!.Value.TrimEnd([.. "0123456789"]);

    private static Cell Read(XElement cell) => new(
        (string?)cell.Attribute("t"),
        (int)cell.Attribute("s")!,
        (string?)cell.Element(Main + "v"),
        cell.Element(Main + "is")?.Element(Main + "t")?.Value is { } text ? Unescaped(text) : null);

    // ECMA-376 part 1, 22.9.2.19: what a reader makes of _xHHHH_.
    private static string Unescaped(string text) => Escape().Replace(text, match =>
        ((char)int.Parse(match.Groups[1].ValueSpan, NumberStyles.HexNumber, CultureInfo.InvariantCulture)).ToString());

    private XElement Style(Cell cell) => Styles("cellXfs").ElementAt(cell.Style);

    private IEnumerable<XElement> Styles(string group) =>
        _parts["xl/styles.xml"].Root!.Element(Main + group)!.Elements();

    private XDocument Sheet(int sheet)
    {
        var id = Sheets.ElementAt(sheet - 1).Attribute(Links + "id")!.Value;
        var link = _parts["xl/_rels/workbook.xml.rels"].Root!.Elements().Single(e => e.Attribute("Id")!.Value == id);
        return _parts[$"xl/{link.Attribute("Target")!.Value}"];
    }

    [GeneratedRegex("_x([0-9A-Fa-f]{4})_")]
    private static partial Regex Escape();
}
