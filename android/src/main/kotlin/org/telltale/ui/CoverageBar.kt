package org.telltale.ui

import android.content.Context
import android.graphics.Canvas
import android.graphics.Paint
import android.graphics.Path
import android.util.AttributeSet
import android.view.View
import org.telltale.R
import org.telltale.session.Counts

/** How much could be read, in one line: clear, encrypted, neither. The text beside it says the same. */
class CoverageBar(context: Context, attributes: AttributeSet?) : View(context, attributes) {
    private val paint = Paint(Paint.ANTI_ALIAS_FLAG)
    private val outline = Path()
    private var parts = emptyList<Pair<Int, Int>>()

    /** Shows [counts]; hidden when there is nothing to show. */
    fun show(counts: Counts) {
        parts = listOf(counts.readable to R.color.clear, counts.encrypted to R.color.encrypted, counts.unknown to R.color.line)
        visibility = if (counts.flows == 0) GONE else VISIBLE
        invalidate()
    }

    override fun onDraw(canvas: Canvas) {
        val total = parts.sumOf { it.first }.coerceAtLeast(1)
        outline.reset()
        outline.addRoundRect(0f, 0f, width.toFloat(), height.toFloat(), height / 2f, height / 2f, Path.Direction.CW)
        canvas.clipPath(outline)
        if (layoutDirection == LAYOUT_DIRECTION_RTL) canvas.scale(-1f, 1f, width / 2f, 0f)
        var start = 0f
        for ((count, color) in parts) {
            val end = start + width.toFloat() * count / total
            paint.color = context.getColor(color)
            canvas.drawRect(start, 0f, end, height.toFloat(), paint)
            start = end
        }
    }
}
