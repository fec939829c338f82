package org.telltale.ui

import android.content.Context
import android.graphics.Typeface
import android.view.LayoutInflater
import android.view.View
import android.view.ViewGroup
import android.widget.BaseAdapter
import android.widget.ImageView
import android.widget.TextView
import org.telltale.R
import org.telltale.engine.App
import org.telltale.engine.Flow

/** A line of an overview's list. */
sealed interface Row {
    /** Findings that say the same, and the app behind them. */
    class Found(val group: FindingGroup, val app: App?) : Row

    /** A connection. */
    class Connection(val flow: Flow) : Row

    /** A sentence. */
    class Note(val text: String, val look: Look = Look.PLAIN) : Row

    /** How a sentence looks. */
    enum class Look { PLAIN, TITLE, ITEM }
}

/** Shows rows. */
class Rows(private val context: Context) : BaseAdapter() {
    private val words = Words(context)
    private val faces = AppFaces(context)
    private val inflater = LayoutInflater.from(context)
    private var rows = emptyList<Row>()

    /** Replaces all rows. */
    fun show(rows: List<Row>) {
        this.rows = rows
        notifyDataSetChanged()
    }

    override fun getCount(): Int = rows.size

    override fun getItem(position: Int): Row = rows[position]

    override fun getItemId(position: Int): Long = when (val row = rows[position]) {
        is Row.Found -> row.group.findings.last().id
        is Row.Connection -> row.flow.id
        is Row.Note -> position.toLong()
    }

    override fun hasStableIds(): Boolean = true

    override fun isEnabled(position: Int): Boolean = rows[position] !is Row.Note

    override fun getViewTypeCount(): Int = 3

    override fun getItemViewType(position: Int): Int = when (rows[position]) {
        is Row.Found -> 0
        is Row.Connection -> 1
        is Row.Note -> 2
    }

    override fun getView(position: Int, old: View?, parent: ViewGroup): View = when (val row = rows[position]) {
        is Row.Found -> (old ?: inflate(R.layout.row_finding, parent)).apply { bind(this, row) }
        is Row.Connection -> (old ?: inflate(R.layout.row_flow, parent)).apply { bind(this, row.flow) }
        is Row.Note -> ((old ?: inflate(R.layout.row_note, parent)) as TextView).apply { bind(this, row) }
    }

    private fun inflate(layout: Int, parent: ViewGroup): View = inflater.inflate(layout, parent, false)

    private fun bind(view: TextView, note: Row.Note) {
        val title = note.look == Row.Look.TITLE
        view.text = if (note.look == Row.Look.ITEM) view.bulleted(note.text) else note.text
        view.setTextColor(context.getColor(if (title) R.color.ink else R.color.muted))
        view.typeface = if (title) Typeface.DEFAULT_BOLD else Typeface.DEFAULT
    }

    private fun bind(view: View, row: Row.Found) {
        val finding = row.group.first
        val count = row.group.findings.size
        view.findViewById<View>(R.id.edge).tint(finding.severity.tone.text)
        view.findViewById<TextView>(R.id.severity).chip(words.severity(finding.severity), finding.severity.tone)
        view.findViewById<TextView>(R.id.content).chip(words.content(finding.encrypted), contentTone(finding.encrypted))
        val times = if (count > 1) context.resources.getQuantityString(R.plurals.times, count, count) else null
        view.findViewById<TextView>(R.id.times).showOrHide(times)
        view.findViewById<TextView>(R.id.time).text = words.time(finding.at)
        view.findViewById<TextView>(R.id.title).text = finding.title
        val detail = listOfNotNull(faces.label(row.app), finding.country?.let(words::country), finding.phase?.let(words::phase))
        view.findViewById<TextView>(R.id.detail).text = detail.joinToString(" · ")
        view.contentDescription = listOfNotNull(words.severity(finding.severity), finding.title, words.content(finding.encrypted), times)
            .plus(detail).joinToString(", ")
    }

    private fun bind(view: View, flow: Flow) {
        val name = flow.host ?: flow.remote
        val detail = listOfNotNull(
            faces.label(flow.app),
            flow.protocols.joinToString("/").ifEmpty { flow.transport }.uppercase(),
            flow.country?.let(words::country),
        )
        view.findViewById<ImageView>(R.id.icon).setImageDrawable(faces.icon(flow.app))
        view.findViewById<TextView>(R.id.title).text = name
        view.findViewById<TextView>(R.id.detail).text = detail.joinToString(" · ")
        view.findViewById<TextView>(R.id.content).chip(words.content(flow.encrypted), contentTone(flow.encrypted))
        view.findViewById<TextView>(R.id.time).text = words.time(flow.opened)
        view.contentDescription = (listOf(name, words.content(flow.encrypted)) + detail).joinToString(", ")
    }
}
