using System.Globalization;
using System.Text;

namespace Reports.Generator.Files;

/// <summary>The parts of a workbook that do not depend on its rows.</summary>
internal static class XlsxParts
{
    // Indexes into cellXfs below. The first is that of cells without a style, those that nobody wrote.
    public const int TextStyle = 1;
    public const int HeaderStyle = 2;
    public const int TimeStyle = 3;
    public const int QuotedTextStyle = 4;
    public const string SheetEnd = "</sheetData></worksheet>";

    private const int FirstAmountStyle = 5;
    private const string Declaration = """<?xml version="1.0" encoding="UTF-8" standalone="yes"?>""" + "\n";
    private const string Main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    private const string Links = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    private const string PackageLinks = "http://schemas.openxmlformats.org/package/2006/relationships";
    private const string ContentType = "application/vnd.openxmlformats-officedocument.spreadsheetml";

    private const string Styles = $"""
        {Declaration}<styleSheet xmlns="{Main}">
        <numFmts count="6">
        <numFmt numFmtId="164" formatCode="yyyy\-mm\-dd\ hh:mm:ss"/>
        <numFmt numFmtId="165" formatCode="0"/>
        <numFmt numFmtId="166" formatCode="0.0"/>
        <numFmt numFmtId="167" formatCode="0.00"/>
        <numFmt numFmtId="168" formatCode="0.000"/>
        <numFmt numFmtId="169" formatCode="0.0000"/>
        </numFmts>
        <fonts count="2">
        <font><sz val="11"/><name val="Calibri"/></font>
        <font><b/><sz val="11"/><name val="Calibri"/></font>
        </fonts>
        <fills count="2">
        <fill><patternFill patternType="none"/></fill>
        <fill><patternFill patternType="gray125"/></fill>
        </fills>
        <borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>
        <cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>
        <cellXfs count="10">
        <xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>
        <xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>
        <xf numFmtId="49" fontId="1" fillId="0" borderId="0" xfId="0" applyNumberFormat="1" applyFont="1"/>
        <xf numFmtId="164" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>
        <xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1" quotePrefix="1"/>
        <xf numFmtId="165" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>
        <xf numFmtId="166" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>
        <xf numFmtId="167" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>
        <xf numFmtId="168" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>
        <xf numFmtId="169" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>
        </cellXfs>
        <cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles>
        </styleSheet>
        """;

    private const string PackageRelationships = $"""
        {Declaration}<Relationships xmlns="{PackageLinks}">
        <Relationship Id="rId1" Type="{Links}/officeDocument" Target="xl/workbook.xml"/>
        </Relationships>
        """;

    public static int AmountStyle(int exponent) => FirstAmountStyle + exponent;

    public static string SheetPath(int sheet) => Invariant($"xl/worksheets/sheet{sheet}.xml");

    /// <summary>
    /// Everything of a sheet before its first row: its direction, a first row that stays in view, and widths.
    /// </summary>
    public static string SheetStart(bool rightToLeft, bool isFirst, IReadOnlyList<ReportColumn> columns) => $"""
        {Declaration}<worksheet xmlns="{Main}">
        <sheetViews>
        <sheetView rightToLeft="{Flag(rightToLeft)}" tabSelected="{Flag(isFirst)}" workbookViewId="0">
        <pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>
        <selection pane="bottomLeft" activeCell="A2" sqref="A2"/>
        </sheetView>
        </sheetViews>
        <sheetFormatPr defaultRowHeight="15"/>
        <cols>{Widths(columns)}</cols>
        <sheetData>
        """;

    /// <summary>The parts that make a workbook of so many sheets, in the order in which they are written.</summary>
    public static IEnumerable<(string Path, string Content)> Around(int sheets) =>
    [
        ("xl/styles.xml", Styles),
        ("xl/workbook.xml", Workbook(sheets)),
        ("xl/_rels/workbook.xml.rels", WorkbookRelationships(sheets)),
        ("_rels/.rels", PackageRelationships),
        ("[Content_Types].xml", ContentTypes(sheets)),
    ];

    /// <summary>One element for each run of columns of the same width.</summary>
    private static string Widths(IReadOnlyList<ReportColumn> columns)
    {
        var runs = new StringBuilder();
        for (int first = 0, next; first < columns.Count; first = next)
        {
            var width = columns[first].Width;
            next = first + columns.Skip(first).TakeWhile(column => column.Width == width).Count();
            runs.Append(
                CultureInfo.InvariantCulture,
                $"<col min=\"{first + 1}\" max=\"{next}\" width=\"{width}\" customWidth=\"1\"/>");
        }

        return runs.ToString();
    }

    private static string Workbook(int sheets) => $"""
        {Declaration}<workbook xmlns="{Main}" xmlns:r="{Links}">
        <bookViews><workbookView activeTab="0"/></bookViews>
        <sheets>
        {ForEach(sheets, n => $"""<sheet name="{SheetName(n)}" sheetId="{n}" r:id="rId{n}"/>""")}
        </sheets>
        </workbook>
        """;

    private static string WorkbookRelationships(int sheets) => $"""
        {Declaration}<Relationships xmlns="{PackageLinks}">
        {ForEach(sheets, n =>
            $"""<Relationship Id="rId{n}" Type="{Links}/worksheet" Target="worksheets/sheet{n}.xml"/>""")}
        <Relationship Id="rIdStyles" Type="{Links}/styles" Target="styles.xml"/>
        </Relationships>
        """;

    private static string ContentTypes(int sheets) => $"""
        {Declaration}<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">
        <Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>
        <Override PartName="/xl/workbook.xml" ContentType="{ContentType}.sheet.main+xml"/>
        <Override PartName="/xl/styles.xml" ContentType="{ContentType}.styles+xml"/>
        {ForEach(sheets, n => $"""<Override PartName="/{SheetPath(n)}" ContentType="{ContentType}.worksheet+xml"/>""")}
        </Types>
        """;

    private static string SheetName(int sheet) => sheet == 1 ? "Transactions" : Invariant($"Transactions {sheet}");

    private static string ForEach(int sheets, Func<int, FormattableString> part) =>
        string.Join('\n', Enumerable.Range(1, sheets).Select(sheet => Invariant(part(sheet))));

    private static string Flag(bool value) => value ? "1" : "0";

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
